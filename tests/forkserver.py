"""Starts `dver` for tests without starting Python and reading all modules each time, which is most of what a command
costs: a process that has them forks one for every call. Importable from every test; see `support.run_dver`.

What is forked is a process of its own with its own arguments, environment, folder, standard streams and umask, and it
ends as any other does. What concerns the start itself (`PYTHON…`, the locale) needs a process that is really started.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
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
from pathlib import Path
from typing import Any, Final

_STARTING: Final = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC", "COVERAGE")
"""How the names of variables begin that say how a process is to start."""
_LENGTH: Final = 8
_PIPE: Final = 1 << 16
"""Bytes that a pipe takes without a reader."""


class ForkServer:
    """The process that forks, as its user sees it. Calls may come from several threads."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._start = _starting(os.environ)
        self._owner = os.getpid(), os.geteuid()
        with theirs:
            command = [sys.executable, os.path.abspath(__file__), str(theirs.fileno())]
            # Pipes, as those are that take their places: Python has asked them by then whether they can seek.
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=pipe, stdout=pipe, stderr=pipe)
        self._socket = ours
        self._lock = threading.Lock()

    def can_run(self, env: Mapping[str, str]) -> bool:
        """Would a process with this environment, started from here, be as those are that are forked?"""
        return _starting(env) == self._start and self._owner == (os.getpid(), os.geteuid())

    def run(
        self, args: Sequence[bytes], cwd: str, env: Mapping[str, str], stdin: bytes, timeout: float
    ) -> tuple[int, bytes, bytes]:
        """Run `dver ARGS`: its exit code, and what it wrote to stdout and stderr. Raises TimeoutExpired."""
        umask = os.umask(0)
        os.umask(umask)
        request = pickle.dumps((list(args), cwd, dict(env), umask))
        pipes = [os.pipe() for _ in range(3)]
        source = _source(stdin)
        try:
            with self._lock:
                fds = [source, *(write for _, write in pipes)]
                socket.send_fds(self._socket, [len(request).to_bytes(_LENGTH, "big")], fds)
                self._socket.sendall(request)
        finally:
            for fd in (source, *(write for _, write in pipes)):
                os.close(fd)
        return _collect([read for read, _ in pipes], time.monotonic() + timeout)


def _starting(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_STARTING)}


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


def _collect(fds: Sequence[int], deadline: float) -> tuple[int, bytes, bytes]:
    """Read what comes from a call until it is over and nobody writes any more."""
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
    return int(found[state].split()[1]), found[out], found[err]


# -- the process that forks


def _serve(control: socket.socket) -> tuple[list[bytes], str, dict[str, str], int]:
    """Fork for each call, and return in what was forked: with what is to be run there."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
    while True:
        head, fds, _, _ = socket.recv_fds(control, _LENGTH, 4)
        if not head:
            os._exit(0)
        request = b""
        while len(request) < int.from_bytes(head, "big"):
            request += control.recv(int.from_bytes(head, "big") - len(request))
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _begin(request, fds)
        for fd in fds:
            os.close(fd)


def _begin(request: bytes, fds: Sequence[int]) -> tuple[list[bytes], str, dict[str, str], int]:
    """Fork once more: this process waits, and tells how the other one ended."""
    *streams, state = fds
    pid = os.fork()
    if pid:
        for fd in streams:
            os.close(fd)
        os.write(state, b"%d " % pid)
        _, status = os.waitpid(pid, 0)
        os.write(state, b"%d" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    os.close(state)
    found: Any = pickle.loads(request)
    return found  # type: ignore[no-any-return]


def _import_all() -> None:
    """Every module of dver, with what these need at once."""
    import importlib
    import pkgutil

    import dver

    for module in pkgutil.walk_packages(dver.__path__, "dver."):
        if not module.name.endswith("__main__") and ".hooks" not in module.name:
            importlib.import_module(module.name)


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
    """Serve, and in what is forked be `python -m dver`."""
    import dver.__main__ as start

    _import_all()
    gc.freeze()  # what is never looked at is never copied
    args, cwd, env, umask = _serve(socket.socket(fileno=int(sys.argv[1])))
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.umask(umask)
    os.chdir(cwd)
    sys.path[0] = cwd
    sys.argv = [os.fspath(Path(str(start.__file__))), *map(os.fsdecode, args)]
    try:
        start.run()
    except SystemExit as end:
        _end(end.code)


if __name__ == "__main__":
    main()
