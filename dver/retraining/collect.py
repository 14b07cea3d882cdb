"""Copies new files into tracked data: first a plan, then the copies."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import ConflictError, UsageError
from dver.core.files import temporary_name, writing_to
from dver.core.phrasing import quoted


@dataclass(frozen=True, slots=True)
class FileCopy:
    """A file to copy. `target` does not exist."""

    source: Path
    target: Path


def plan_copies(source: Path, target: Path) -> tuple[FileCopy, ...]:
    """The files below the directory `source` that the directory `target` does not have.

    Raises UsageError if `source` is no directory, ConflictError for a file that has other content in `target`.
    """
    if not source.is_dir():
        raise UsageError(
            f"{os.path.relpath(source)!r} is not a directory",
            why="`from` in the section `retrain` of dver.yaml names it",
            fix="create it, or correct dver.yaml",
        )
    if not target.is_dir():
        raise UsageError(
            f"{os.path.relpath(target)!r} is not a directory",
            why="new files are copied into it",
            fix=f"dver pull {quoted(os.path.relpath(target))}",
        )
    return tuple(_copies(source, target))


def copy_files(copies: tuple[FileCopy, ...]) -> None:
    """Make the copies. Each appears under its name when it is complete."""
    for one in copies:
        one.target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = one.target.with_name(temporary_name())
        try:
            with writing_to(one.target):
                shutil.copyfile(one.source, unfinished)
                os.replace(unfinished, one.target)
        finally:
            unfinished.unlink(missing_ok=True)


def _copies(source: Path, target: Path) -> Iterator[FileCopy]:
    for folder, names, files in os.walk(source):
        names[:] = sorted(one for one in names if not one.startswith("."))
        for name in sorted(one for one in files if not one.startswith(".")):
            file = Path(folder, name)
            place = target / file.relative_to(source)
            if not os.path.lexists(place):
                yield FileCopy(file, place)
            elif not filecmp.cmp(file, place, shallow=False):
                raise _changed(file, place)


def _changed(file: Path, place: Path) -> ConflictError:
    new, old = os.path.relpath(file), os.path.relpath(place)
    other = f"{file.stem}-2{file.suffix}"
    return ConflictError(
        f"{new!r} has other content than {old!r}",
        why="new files never replace what a model was trained on",
        fix=f"give it another name, such as: mv {quoted(new)} {quoted(os.path.join(os.path.dirname(new), other))}",
    )
