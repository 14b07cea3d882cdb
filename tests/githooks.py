"""Git hooks and drivers for tests: small scripts that run this very dver. Importable from every test."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path

import forkclient
import pytest
from support import fork_server, git

FOLLOWING = ("post-checkout", "post-merge", "post-rewrite", "post-index-change")


def put_dver_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, *, s3: bool = False) -> Path:
    """A program `dver` in the new `folder`, which comes first on the PATH. The fork server runs it."""
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return write_dver(folder, s3=s3)


def write_dver(folder: Path, *, s3: bool = False) -> Path:
    """A program `dver` in the new `folder`, which the fork server runs; see `support.fork_server`."""
    folder.mkdir(parents=True, exist_ok=True)
    client = [sys.executable, "-I", "-S", forkclient.__file__, fork_server(s3=s3).directory]
    (folder / "dver").write_text(f'#!/bin/sh\nexec {shlex.join(client)} "$@"\n')
    (folder / "dver").chmod(0o755)
    return folder / "dver"


def write_hooks(repo: Path, names: Iterable[str] = FOLLOWING) -> None:
    """Have Git run `dver hook NAME` in the repository `repo`."""
    folder = Path(git("rev-parse", "--path-format=absolute", "--git-path", "hooks", cwd=repo).strip())
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f'#!/bin/sh\nexec dver hook {name} "$@"\n')
        (folder / name).chmod(0o755)


def write_hook(folder: Path, name: str, text: str) -> Path:
    """A hook of somebody's own, which runs `text`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return folder / name


def dver(*args: str | os.PathLike[str], cwd: Path, rc: int = 0) -> None:
    """`dver ARGS...` in this process: what only prepares a test, or looks at its end, need not start another."""
    from dver.cli.main import main

    with chdir(cwd):
        assert main([os.fspath(arg) for arg in args]) == rc, f"dver {args}"


def git_says(repo: Path, *args: str | os.PathLike[str], rc: int = 0, **env: str) -> str:
    """What `git ARGS...` and its hooks print in `repo`, with the variables `env`; asserts the exit code `rc`."""
    done = subprocess.run(
        ["git", *args], cwd=repo, env={**os.environ, **env}, stdin=subprocess.DEVNULL, capture_output=True, timeout=120
    )
    said = os.fsdecode(done.stdout + done.stderr)
    assert done.returncode == rc, f"git {args} exited with {done.returncode}\n{said}"
    assert "Traceback" not in said
    return said
