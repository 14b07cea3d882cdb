"""Making files of the workspace that are the store's own (`cache.link` hardlink, symlink) the user's to edit."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.store.store import Store
from dver.worktree.staging import Stages


@dataclass(frozen=True, slots=True)
class Linked:
    """A file that shares its content with a loose blob of the store. `path` is absolute, `size` in bytes."""

    path: bytes
    oid: Oid
    size: int


def find_linked(paths: Iterable[bytes], store: Store, behind_link: Callable[[bytes], Oid | None]) -> Iterator[Linked]:
    """The files at or below the absolute `paths` that are hard links or symbolic links to blobs of `store`.

    `behind_link` answers which blob the target of a symbolic link is.
    """
    inodes = _inodes(store)
    for path in paths:
        for file in _files(path):
            status = os.lstat(file)
            if stat.S_ISLNK(status.st_mode):
                oid = behind_link(os.readlink(file))
                size = os.stat(store.loose.path(oid)).st_size if oid is not None and oid in store else 0
            else:
                oid, size = inodes.get((status.st_dev, status.st_ino)), status.st_size
            if oid is not None:
                yield Linked(file, oid, size)


def make_private(files: Iterable[Linked], store: Store, *, scratch: bytes, progress: Progress = SILENT) -> list[bytes]:
    """Put a writable copy in the place of each of `files`, by one rename; the paths. Raises CorruptError, and leaves
    the file alone, where the content is not what it should be, and MissingObjectError where it is gone."""
    listed = list(files)
    with Stages(scratch) as stages, progress.task("copy", total=sum(file.size for file in listed)) as task:
        for file in listed:
            staged = os.path.join(stages.beside(os.path.dirname(file.path)), b"private")
            _copy(file, store, staged, task)
            os.replace(staged, file.path)
    return [file.path for file in listed]


def _copy(file: Linked, store: Store, staged: bytes, task: Task) -> None:
    try:
        with open(staged, "xb") as copy:
            for piece in store.stream(file.oid):
                copy.write(piece)
                task.advance(len(piece))
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(staged)
        if isinstance(error, CorruptError):
            raise _edited(file) from error
        raise


def _edited(file: Linked) -> CorruptError:
    name = os.fsdecode(file.path)
    return CorruptError(
        f"{name!r} was changed while it was the store's own file",
        why="so the store's copy is not what was saved any more",
        fix="copy the file elsewhere if you need its changes, delete it, then `dver fetch` and `dver checkout` it",
    )


def _inodes(store: Store) -> dict[tuple[int, int], Oid]:
    """The loose blobs by device and inode."""
    found = {}
    for oid in store.loose.all():
        status = os.stat(store.loose.path(oid))
        if status.st_nlink > 1:
            found[status.st_dev, status.st_ino] = oid
    return found


def _files(path: bytes) -> Iterator[bytes]:
    if not os.path.isdir(path) or os.path.islink(path):
        if os.path.lexists(path):
            yield path
        return
    for folder, directories, names in os.walk(path):
        directories.sort()
        yield from (os.path.join(folder, name) for name in sorted(names))
