"""Starts `dver` for tests by forking a process that has imported all modules: starting Python and importing them is
most of the cost of a command. Importable from every test; see `support.run_dver`.

A fork has its own arguments, environment, directory, standard streams, umask and memory limit, and ends as any process
does; only fsync does nothing in it. Variables for the start of a process (`PYTHON…`, the locale) need a real start.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import marshal
import os
import pkgutil
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from forkclient import LENGTH, SOCKET, START, ask, starting

_PIPE: Final = 1 << 16
"""Bytes that a pipe takes without a reader."""
_OF_EXTRAS = ("dver.streaming.torch_dataset", "dver.live.adapters.")
"""How the names of modules begin that no command imports, and whose libraries may be missing: torch takes 200 MB."""
_LIBRARIES: Final = ("fsspec", "git", "pathspec", "pyfastcdc", "ruamel.yaml", "tomlkit", "yaml")
"""What dver imports where it is used, and many tests use."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: its exit code (negative: a signal), its output, and its peak of memory in bytes."""

    rc: int
    out: bytes
    err: bytes
    peak: int


@dataclass(frozen=True, slots=True)
class _Request:
    args: list[bytes]
    cwd: str
    env: dict[str, str]
    umask: int
    address_space: int | None
    """The bytes of memory that the call may reserve."""
    mounts_of: int | None
    """The process whose mount namespace the call enters."""


class Started:
    """A call that runs. Its output is discarded."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answer = connection.recv(64)
        self._pid = int(self._answer.split()[0])

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the call has ended."""
        if not self._has_ended(0):
            os.kill(self._pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float = 60.0) -> int:
        """The exit code (negative: a signal). Raises TimeoutExpired, after which the call goes on."""
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired("dver", timeout)
        self._connection.close()
        return int(self._answer.split()[1])

    def _has_ended(self, timeout: float) -> bool:
        if len(self._answer.split()) == 1 and select.select([self._connection], [], [], timeout)[0]:
            self._answer += self._connection.recv(64)
        return len(self._answer.split()) > 1


class ForkServer:
    """The process that forks, as its user sees it. Calls may come from several threads."""

    def __init__(self, *libraries: str) -> None:
        """Start it. It imports `libraries`, too."""
        ours, theirs = socket.socketpair()
        self._start = starting(os.environ), os.geteuid()
        self._owner = os.getpid()
        self._folder = tempfile.TemporaryDirectory(prefix="dver-fork-")
        self.directory = self._folder.name
        Path(self.directory, START).write_bytes(marshal.dumps(self._start))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(self.directory, SOCKET))
        listener.listen(64)
        with theirs, listener:
            fds = [theirs.fileno(), listener.fileno()]
            command = [sys.executable, os.path.abspath(__file__), *map(str, fds), *libraries]
            # Pipes, as those are that take their places: Python has asked them by then whether they can seek.
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, pass_fds=fds, stdin=pipe, stdout=pipe, stderr=pipe)
        self._control = ours  # the server ends when this is closed

    def can_run(self, env: Mapping[str, str]) -> bool:
        """Would a process with this environment, started from here, be as those are that are forked?"""
        return (starting(env), os.geteuid()) == self._start and self._owner == os.getpid()

    def run(
        self,
        args: Sequence[bytes],
        cwd: str,
        env: Mapping[str, str],
        stdin: bytes,
        timeout: float,
        *,
        address_space: int | None = None,
        mounts_of: int | None = None,
    ) -> Ended:
        """Run `dver ARGS`. Raises TimeoutExpired."""
        pipes = [os.pipe() for _ in range(2)]
        source = _source(stdin)
        try:
            fds = [source, *(write for _, write in pipes)]
            connection = ask(self.directory, list(args), cwd, env, fds, address_space, mounts_of)
        finally:
            for fd in (source, *(write for _, write in pipes)):
                os.close(fd)
        return _collect([*(read for read, _ in pipes), connection.detach()], time.monotonic() + timeout)

    def start(self, args: Sequence[bytes], cwd: str, env: Mapping[str, str]) -> Started:
        """Start `dver ARGS` without input, and return while it runs."""
        with open(os.devnull, "r+b") as nothing:
            return Started(ask(self.directory, list(args), cwd, env, [nothing.fileno()] * 3))


def _source(content: bytes) -> int:
    """A file descriptor from which `content` is read."""
    if len(content) < _PIPE:
        read, write = os.pipe()
        os.write(write, content)
        os.close(write)
        return read
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        return os.dup(file.fileno())


def _collect(fds: Sequence[int], deadline: float) -> Ended:
    """Read what comes from a call until it has ended and no process has its streams open."""
    found = dict.fromkeys(fds, b"")
    out, err, state = fds
    open_ones = set(fds)
    try:
        while open_ones:
            ready, _, _ = select.select(list(open_ones), [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                pid = int(found[state].split()[0])
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired("dver", 0, found[out], found[err])
            for fd in ready:
                piece = os.read(fd, _PIPE)
                found[fd] += piece
                if not piece:
                    open_ones.remove(fd)
    finally:
        for fd in fds:
            os.close(fd)
    _, code, peak = map(int, found[state].split())
    return Ended(code, found[out], found[err], peak)


# -- the process that forks


def _serve(control: socket.socket, listener: socket.socket) -> _Request:
    """Fork for each call, and return in the fork: with what it is to run."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    states: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control, listener, woken], [], [])
        if control in ready:
            os._exit(0)
        if woken in ready:
            os.read(woken, _PIPE)
            _report_ends(states)
        if listener not in ready:
            continue
        request, streams, state = _receive(listener.accept()[0])
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for fd in (control.detach(), listener.detach(), woken, waker, state, *states.values()):
                os.close(fd)
            return _begin(request, streams)
        for fd in streams:
            os.close(fd)
        os.write(state, b"%d" % pid)
        states[pid] = state


def _receive(connection: socket.socket) -> tuple[bytes, list[int], int]:
    """A request, the standard streams for it, and the file to which its end is reported."""
    head, streams, _, _ = socket.recv_fds(connection, LENGTH, 3)
    length = int.from_bytes(head, "big")
    request = b""
    while len(request) < length:
        request += connection.recv(length - len(request))
    return request, streams, connection.detach()


def _report_ends(states: dict[int, int]) -> None:
    """Write how forks have ended to the pipes of those that wait for them."""
    for pid, state in list(states.items()):
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            code, peak = os.waitstatus_to_exitcode(status), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            with suppress(BrokenPipeError):  # the test was interrupted
                os.write(state, b" %d %d" % (code, peak))
            os.close(state)
            del states[pid]


def _begin(content: bytes, streams: Sequence[int]) -> _Request:
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    request = _Request(*marshal.loads(content))
    if request.address_space is not None:
        resource.setrlimit(resource.RLIMIT_AS, (request.address_space, request.address_space))
    if request.mounts_of is not None:
        _enter_mounts_of(request.mounts_of)
    return request


def _enter_mounts_of(pid: int) -> None:
    """setns(2), which Python has since 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/proc/{pid}/ns/mnt") as namespace:
        if libc.setns(namespace.fileno(), 0):
            raise OSError(ctypes.get_errno(), "cannot enter the mount namespace")


def _import_all(libraries: Sequence[str]) -> None:
    """Import all modules of dver, and libraries that they import where they use them."""
    import dver

    for module in pkgutil.walk_packages(dver.__path__, "dver."):
        if (
            not module.name.endswith("__main__")
            and ".hooks" not in module.name
            and not module.name.startswith(_OF_EXTRAS)
        ):
            import_module(module.name)
    for name in (*_LIBRARIES, *libraries):
        import_module(name)


def _end(code: object) -> None:
    """End as Python does, without taking all modules apart."""
    if "threading" in sys.modules:
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads any more
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def main() -> None:
    """Serve, and in a fork be `python -m dver`."""
    import dver.__main__ as start
    from dver.workspace.changes import quick_check

    _import_all(sys.argv[3:])
    quick_check.SECONDS = 10.0  # what a hook finds must not depend on how busy the machine is
    gc.collect()
    gc.freeze()  # objects that the collector does not visit are not copied
    request = _serve(*(socket.socket(fileno=int(fd)) for fd in sys.argv[1:3]))
    if request.mounts_of is None:
        os.fsync = lambda fd: None  # no test that forks cuts the power
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    os.umask(request.umask)
    os.chdir(request.cwd)
    sys.path[0] = request.cwd
    sys.argv = [os.fspath(Path(str(start.__file__))), *map(os.fsdecode, request.args)]
    try:
        start.run()
    except SystemExit as end:
        _end(end.code)


if __name__ == "__main__":
    main()
