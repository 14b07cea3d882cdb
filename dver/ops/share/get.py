"""`dver get`: download files of another repository without a clone and without a project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dver.access.addresses import data_name
from dver.access.export import ExportedFiles, export, find_source
from dver.access.repositories import open_files
from dver.access.suggestions import suggesting
from dver.core.display import Displayed
from dver.core.errors import ConflictError, UsageError
from dver.core.files import clear_leftovers, delete_any, temporary_name
from dver.core.phrasing import quoted
from dver.core.platform import filelock
from dver.core.progress import SILENT, Progress


@dataclass(frozen=True, slots=True, repr=False)
class GetResult(Displayed):
    """What was downloaded from where."""

    repo: str
    commit: str | None
    """None for a project on this machine as it is."""
    path: str
    out: Path
    files: int
    size: int
    leading_out: int
    """The number of links that lead out of `out`."""


def get(
    repo: str,
    path: str = "",
    *,
    cwd: Path,
    rev: str | None = None,
    out: str | None = None,
    remote: str | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> GetResult:
    """Write the file or directory `path` of the repository `repo` at `rev` to `out`, by default its name in `cwd`.

    Appears under its name when it is complete and verified, and not before. With `force`, replaces an existing file or
    directory. Raises UsageError for a wrong path or revision, ConflictError for an existing `out`.
    """
    target = _target(repo, path, cwd, out)
    if not force:
        _refuse_existing(target, cwd)
    _refuse_above(target, cwd)
    files = open_files(repo, rev=rev, remote=remote, cwd=cwd, keeps=False)
    try:
        with suggesting(files, path):
            source = find_source(files, path)
        with _new_beside(target) as temporary, progress.task("get", total=0) as task:
            done = export(files, source, os.path.join(temporary, b"new"), task)
            _move(os.path.join(temporary, b"new"), target, cwd, force=force)
        return _result(repo, files.commit, path, target, done)
    finally:
        files.close()


def _result(repo: str, commit: str | None, path: str, target: Path, done: ExportedFiles) -> GetResult:
    return GetResult(repo, commit, path, target, done.files, done.size, done.leading_out)


def _target(repo: str, path: str, cwd: Path, out: str | None) -> Path:
    """The path to write. `out` with a slash at its end is a directory for it."""
    name = data_name(repo, path)
    if out is None:
        return Path(os.path.abspath(cwd / name))
    return Path(os.path.abspath(cwd / out / name if out.endswith("/") else cwd / out))


def _refuse_existing(target: Path, cwd: Path) -> None:
    if not os.path.lexists(target):
        return
    shown = os.path.relpath(target, cwd)
    inside = f", or write into it with -o {quoted(shown + '/')}" if target.is_dir() else ""
    raise ConflictError(
        f"{shown!r} already exists",
        why="dver get does not overwrite",
        fix=f"choose another name with -o, or replace it with --force{inside}",
    )


def _refuse_above(target: Path, cwd: Path) -> None:
    if os.path.realpath(cwd) == os.path.realpath(target) or Path(os.path.realpath(cwd)).is_relative_to(target):
        raise UsageError(
            f"{str(target)!r} is the current directory, or above it",
            why="it cannot be replaced",
            fix="choose a new name with -o",
        )


@contextmanager
def _new_beside(target: Path) -> Iterator[bytes]:
    """A temporary directory beside `target`, on the same disk. Afterwards nothing is left of it."""
    made = [one for one in (target.parent, *target.parent.parents) if not one.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(target.parent)
    temporary = target.parent / temporary_name("get")
    temporary.mkdir()
    lock = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
    try:
        filelock.lock(lock, shared=True)  # without it, another process would clear it as a leftover
        yield os.fsencode(temporary)
    finally:
        os.close(lock)
        delete_any(temporary)
        for directory in made:
            with suppress(OSError):
                directory.rmdir()  # only empty ones: nothing was written


def _move(new: bytes, target: Path, cwd: Path, *, force: bool) -> None:
    if not force:
        _refuse_existing(target, cwd)
    old = os.path.join(os.path.dirname(new), b"old")
    try:
        if force and (os.path.isdir(target) or os.path.isdir(new)):  # a rename replaces files only
            with suppress(FileNotFoundError):
                os.rename(target, old)
        os.rename(new, target)
    except BaseException:
        if os.path.lexists(old):
            os.rename(old, target)
        raise
