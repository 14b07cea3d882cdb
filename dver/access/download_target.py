"""A file or directory that a command writes outside of any project: it appears when it is complete, and not before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import ConflictError, UsageError
from dver.core.files import clear_leftovers, delete_any, temporary_name
from dver.core.phrasing import quoted
from dver.core.platform import filelock


@dataclass(frozen=True, slots=True)
class DownloadTarget:
    """The path to write. With `force`, what exists there is replaced."""

    target: Path
    cwd: Path
    force: bool = False

    @classmethod
    def named(cls, out: str | None, name: str, cwd: Path, *, force: bool = False) -> DownloadTarget:
        """The path that the user named: `out`, or `name` in `cwd`. With a slash at its end, `out` is a directory."""
        if out is None:
            return cls(Path(os.path.abspath(cwd / name)), cwd, force)
        return cls(Path(os.path.abspath(cwd / out / name if out.endswith("/") else cwd / out)), cwd, force)

    def check(self) -> None:
        """Raise ConflictError if the path exists, and UsageError if it cannot be replaced."""
        if not self.force:
            self._refuse_existing()
        cwd = Path(os.path.realpath(self.cwd))
        if os.path.realpath(self.cwd) == os.path.realpath(self.target) or cwd.is_relative_to(self.target):
            raise UsageError(
                f"{str(self.target)!r} is the current directory, or above it",
                why="it cannot be replaced",
                fix="choose a new name with -o",
            )

    @contextmanager
    def new(self) -> Iterator[bytes]:
        """The path to write to. At the end, what is there is moved to the target. After an error, nothing is left."""
        with self._new_beside() as temporary:
            new = os.path.join(temporary, b"new")
            yield new
            self._move(new)

    def _refuse_existing(self) -> None:
        if not os.path.lexists(self.target):
            return
        shown = os.path.relpath(self.target, self.cwd)
        inside = f", or write into it with -o {quoted(shown + '/')}" if self.target.is_dir() else ""
        raise ConflictError(
            f"{shown!r} already exists",
            why="it is overwritten only with --force",
            fix=f"choose another name with -o, or replace it with --force{inside}",
        )

    @contextmanager
    def _new_beside(self) -> Iterator[bytes]:
        """A temporary directory beside the target, on the same disk. Afterwards nothing is left of it."""
        parent = self.target.parent
        made = [one for one in (parent, *parent.parents) if not one.exists()]
        parent.mkdir(parents=True, exist_ok=True)
        clear_leftovers(parent)
        temporary = parent / temporary_name("get")
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

    def _move(self, new: bytes) -> None:
        if not self.force:
            self._refuse_existing()
        old = os.path.join(os.path.dirname(new), b"old")
        try:
            if self.force and (self.target.is_dir() or os.path.isdir(new)):  # a rename replaces files only
                with suppress(FileNotFoundError):
                    os.rename(self.target, old)
            os.rename(new, self.target)
        except BaseException:
            if os.path.lexists(old):
                os.rename(old, self.target)
            raise
