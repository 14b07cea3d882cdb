"""Copies of files in an undo record: saving them, comparing them with the workspace, and writing them back."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError
from dver.core.files import NO_LINKS
from dver.core.platform import blocks
from dver.experiments.apply.record import CONTENT, LARGE, SavedFile
from dver.experiments.apply.view import status_of

_SMALL: Final = 1 << 20
"""The largest file in bytes that is copied; a larger one gets a second name, which takes no time and no space."""
_TRIES: Final = 3

Signature = tuple[int, int, int, int]
"""The mode, size, mtime and inode of a file: they change with its content."""


def signature(path: bytes) -> Signature | None:
    """The signature of a file or link; None if it is missing."""
    status = status_of(path)
    if status is None:
        return None
    return status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino


@dataclass(slots=True)
class SavedFiles:
    """The files of the workspace `top` that were saved, and their signatures at that time."""

    files: dict[bytes, SavedFile] = field(default_factory=dict)
    signatures: dict[bytes, Signature] = field(default_factory=dict)


def save_files(top: bytes, paths: Iterable[bytes], folder: Path, *, staying: Iterable[bytes] = ()) -> SavedFiles:
    """Save the files and links `paths` in the directory `folder`, durably.

    So are those that are `staying` in the workspace: their large files are copied, because a hard link would change
    with them.

    Raises ConflictError for a file that keeps changing, and OSError.
    """
    saved = SavedFiles()
    # Others may read records, as a gc of a shared store does, but not files of this user in them.
    with open(os.open(folder / CONTENT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as content:
        for path, save_large in (*((one, _save_large) for one in paths), *((one, _copy_large) for one in staying)):
            full = top + b"/" + path
            found = _save_stable(full, content.tell(), len(saved.files), folder, save_large)
            if found is None:
                continue
            one, small, saved.signatures[path] = found
            content.write(small)
            saved.files[path] = one
        content.flush()
        blocks.sync(content.fileno())
    return saved


def _save_stable(
    path: bytes, offset: int, number: int, folder: Path, save_large: Callable[[bytes, Path, int], None]
) -> tuple[SavedFile, bytes, Signature] | None:
    """A saved file, its content if it is small, and its signature; None if it is missing by now."""
    for _ in range(_TRIES):
        before = signature(path)
        if before is None:
            return None
        mode, size, mtime, _ = before
        small = b""
        try:
            if stat.S_ISLNK(mode):
                small = os.readlink(path)
            elif size <= _SMALL:
                with open(path, "rb") as file:
                    small = file.read(_SMALL + 1)
            else:
                save_large(path, folder, number)
        except FileNotFoundError:
            continue
        if signature(path) == before and len(small) == (size if size <= _SMALL else 0):
            is_large = size > _SMALL
            return SavedFile(mode, mtime, size, number if is_large else offset, is_large), small, before
    raise ConflictError(
        f"{os.fsdecode(path)!r} changes while it is saved", fix="stop the program that writes it, then try again"
    )


def _place_of_large(folder: Path, number: int) -> Path:
    large = folder / LARGE
    large.mkdir(mode=0o700, exist_ok=True)
    target = large / str(number)
    target.unlink(missing_ok=True)
    return target


def _copy_large(path: bytes, folder: Path, number: int) -> None:
    _copy(path, _place_of_large(folder, number))


def _save_large(path: bytes, folder: Path, number: int) -> None:
    target = _place_of_large(folder, number)
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (*NO_LINKS, errno.EACCES, errno.EXDEV):
            raise
        _copy(path, target)


def _copy(source: bytes | Path, target: bytes | Path) -> None:
    with open(source, "rb") as reading, open(target, "xb") as writing:
        if not blocks.reflink(reading.fileno(), writing.fileno(), target):
            shutil.copyfileobj(reading, writing)
        writing.flush()
        blocks.sync(writing.fileno())


@dataclass(frozen=True, slots=True)
class SavedContent:
    """Reads and writes back the saved files in the directory `folder`."""

    folder: Path

    def matches(self, path: bytes, saved: SavedFile) -> bool:
        """Whether the file at `path` has the saved content and mode."""
        found = signature(path)
        if found is None or found[:2] != (saved.mode, saved.size):
            return False
        if saved.is_link:
            return os.readlink(path) == self._small(saved)
        try:
            if saved.is_large:
                with open(path, "rb") as one, open(self._large(saved), "rb") as other:
                    while piece := one.read(_SMALL):
                        if piece != other.read(_SMALL):
                            return False
                return True
            with open(path, "rb") as file:
                return file.read(_SMALL + 1) == self._small(saved)
        except FileNotFoundError:
            return False

    def write(self, path: bytes, saved: SavedFile) -> None:
        """Write the file to `path`, where nothing is."""
        if saved.is_link:
            os.symlink(self._small(saved), path)
        elif saved.is_large:
            _copy(self._large(saved), path)
        else:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(self._small(saved))
        if not saved.is_link:
            os.chmod(path, stat.S_IMODE(saved.mode))
        set_time(path, saved)

    def _small(self, saved: SavedFile) -> bytes:
        with open(self.folder / CONTENT, "rb") as file:
            return os.pread(file.fileno(), saved.size, saved.at)

    def _large(self, saved: SavedFile) -> Path:
        return self.folder / LARGE / str(saved.at)


def set_time(path: bytes, saved: SavedFile) -> None:
    """Give the file at `path` the saved time."""
    with suppress(FileNotFoundError):
        os.utime(path, ns=(saved.mtime, saved.mtime), follow_symlinks=False)
