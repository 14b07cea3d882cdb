"""Running dver in forks of this process, which has imported all of it already: a start costs milliseconds."""

from __future__ import annotations

import gc
import io
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from faults.inject import Mode, Notes, arm

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which a run counts as hanging."""
HANGS = -1000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: its exit code (negative: a signal, or HANGS) and what it said."""

    rc: int
    out: str
    err: str


def warm_up() -> None:
    """Import what the forks will need."""
    from dver.cli.verbs import SUMMARIES, module_of

    for verb in SUMMARIES:
        import_module(module_of(verb))
    for name in ("ruamel.yaml", "tomlkit", "pathspec", "git", "zstandard", "sqlite3", "concurrent.futures", "blake3"):
        import_module(name)
    for name in (
        "dver.cli.progress",
        "dver.remote.backends.connect",
        "dver.repo.workspace_scan",
        "dver.store.writer",
        "dver.workspace.state.followed",
        "dver.remote.backends.directory",
        "dver.remote.transfer.push",
        "dver.remote.transfer.fetch",
        "dver.git.pointers",
    ):
        import_module(name)
    gc.collect()
    gc.freeze()  # objects that the collector does not visit are not copied


def dver(args: Sequence[str], cwd: Path, *, scratch: Path, fault: tuple[Path, Notes, Mode, int] | None = None) -> Ended:
    """`dver ARGS...` in `cwd`, with a fault in it: the folder that is watched, where to note, what and where."""

    def work() -> int:
        if fault is not None:
            arm(*fault)
        from dver.cli.main import main

        return main(list(args))

    return forked(work, cwd, scratch=scratch)


def forked(work: Callable[[], int], cwd: Path, *, scratch: Path) -> Ended:
    """Do `work`, which answers with an exit code, in a fork that leads a process group of its own."""
    out, err = scratch / "stdout", scratch / "stderr"
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _child(work, cwd, out, err)
    rc = _wait(pid)
    return Ended(rc, out.read_text(errors="surrogateescape"), err.read_text(errors="surrogateescape"))


def _child(work: Callable[[], int], cwd: Path, out: Path, err: Path) -> None:
    code = 99
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(cwd)
        for number, file in ((0, Path(os.devnull)), (1, out), (2, err)):
            fd = os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(fd, number)
            os.close(fd)
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)  # type: ignore[arg-type]
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), write_through=True)  # type: ignore[arg-type]
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _wait(pid: int) -> int:
    end = time.monotonic() + PATIENCE
    pause = 0.0005
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.01)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return HANGS


def apart(work: Callable[[], T]) -> T:
    """What `work` answers in a fork: this process must have no threads, such as BLAKE3's, or none could be forked."""
    receive, send = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(receive)
            with open(send, "wb") as file:
                pickle.dump(work(), file)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(send)
    with open(receive, "rb") as file:
        content = file.read()
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError("a check has failed")
    return pickle.loads(content)
