"""What tests annotate and share. Importable as `support` from every test (see `pythonpath` in pyproject.toml)."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from forkserver import Ended, ForkServer, Started

_PATIENCE = 240.0
"""Seconds that a command may take."""


def fork_server(*, s3: bool = False) -> ForkServer:
    """The server that starts `dver` in this test process; with `s3`, one that has imported the client of S3, which
    makes each fork a little slower."""
    return _fork_server("s3fs") if s3 else _fork_server()


@cache
def _fork_server(*libraries: str) -> ForkServer:
    return ForkServer(*libraries)


@dataclass(frozen=True, slots=True)
class Result:
    """How a `dver` process ended. Bytes that are no text are surrogates in `out` and `err`."""

    rc: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON on stdout."""
        import json

        return json.loads(self.out)


class Run(Protocol):
    """The `run` fixture: `dver ARGS...` in a process of its own, in `cwd` (default: where the test is).

    With `rc`, asserts that it ends with this exit code; `rc=None` accepts any.
    """

    def __call__(
        self,
        *args: str | bytes | os.PathLike[str],
        cwd: str | os.PathLike[str] | None = None,
        rc: int | None = 0,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> Result: ...


def run_dver(
    *args: str | bytes | os.PathLike[str],
    cwd: str | os.PathLike[str] | None = None,
    rc: int | None = 0,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Result:
    """See `Run`."""
    whole = {**os.environ, **(env or {})}
    arguments = [os.fsencode(one) for one in args]
    server = _server_for(whole)
    if server.can_run(whole):
        result = _result(server.run(arguments, os.path.join(os.getcwd(), cwd or ""), whole, stdin, _PATIENCE))
    else:
        command = [sys.executable, "-m", "dver", *arguments]
        done = subprocess.run(command, cwd=cwd, env=whole, input=stdin, capture_output=True, timeout=_PATIENCE)
        result = Result(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))
    shown = f"dver {args} exited with {result.rc}\n{result.out}\n{result.err}"
    assert "Traceback" not in result.err, shown
    assert rc is None or result.rc == rc, shown
    return result


def start_dver(*args: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Started:
    """Start `dver ARGS...` in a process of its own, without output, and return while it runs."""
    whole = {**os.environ, **(env or {})}
    return _server_for(whole).start(list(map(os.fsencode, args)), str(cwd), whole)


def _server_for(env: Mapping[str, str]) -> ForkServer:
    return fork_server(s3="AWS_ACCESS_KEY_ID" in env)


def run_measured(*args: str, cwd: Path, address_space: int) -> tuple[Result, int]:
    """How `dver ARGS...` ends in so many bytes of address space, and the bytes of memory that it uses at most."""
    arguments = list(map(os.fsencode, args))
    ended = fork_server().run(arguments, str(cwd), os.environ, b"", _PATIENCE, address_space=address_space)
    return _result(ended), ended.peak


def run_inside(pid: int, *args: str | Path, cwd: Path) -> Result:
    """How `dver ARGS...` ends among the mounts of the process `pid`."""
    arguments = list(map(os.fsencode, args))
    return _result(fork_server().run(arguments, str(cwd), os.environ, b"", _PATIENCE, mounts_of=pid))


def _result(ended: Ended) -> Result:
    return Result(ended.rc, os.fsdecode(ended.out), os.fsdecode(ended.err))


def git(*args: str | bytes | os.PathLike[str], cwd: str | os.PathLike[str], rc: int | None = 0) -> str:
    """Run `git ARGS...` in `cwd` and return its stdout; asserts the exit code unless `rc` is None."""
    process = subprocess.run(["git", *args], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    out, err = os.fsdecode(process.stdout), os.fsdecode(process.stderr)
    assert rc is None or process.returncode == rc, f"git {args} exited with {process.returncode}\n{out}\n{err}"
    return out


def unpack(tar: tarfile.TarFile, to: Path) -> None:
    """Unpack `tar` into `to`; with the filter that Python 3.14 uses, where this Python has it (since 3.11.4)."""
    tar.extractall(to, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))


def make_git_repo(path: Path) -> Path:
    """A Git repository at `path` with one commit."""
    path.mkdir(parents=True, exist_ok=True)
    git("init", "--quiet", cwd=path)
    (path / "README").write_text("A project.\n")
    git("add", "README", cwd=path)
    git("commit", "--quiet", "-m", "Begin", cwd=path)
    return path


class Templates:
    """Repositories that are made once in a test session, and copied by all other tests that need the same one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def copy(self, name: str, to: Path, make: Callable[[Path], object]) -> Path:
        """The Git repository that `make` makes, at `to`: a copy of the one called `name` if there is one."""
        template = self._directory / name
        if template.exists():
            _copy(template, to)
            git("update-index", "-q", "--refresh", cwd=to, rc=None)  # it exits with 1 where a file differs
        else:
            make(to)
            template.parent.mkdir(parents=True, exist_ok=True)
            _copy(to, template)
        return to


def _copy(source: Path, target: Path) -> None:
    """Copy all of a directory, with its links and times."""
    subprocess.run(["cp", "-a", source, target], check=True)
