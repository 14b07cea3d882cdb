"""Atomic changes to pointer files, their `.gitignore` lines and Git's index.

A caller that writes pointers to new objects makes a `GcGuard` before it reads the store, and passes it on. This keeps a
gc at the same time from deleting objects that a pointer names.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError, CorruptError, DverError, MissingObjectError
from dver.core.files import clear_leftovers, fsync_dir, read_regular, write_all_atomic, write_atomic
from dver.core.phrasing import count
from dver.formats import pointer as pointer_format
from dver.formats.objectref import ObjectKey
from dver.formats.pointer import Pointer, UndownloadedPointer
from dver.git import gitignore, index
from dver.repo import Repository
from dver.store.trash.guard import GcGuard
from dver.tracking.targets import SUFFIX

NewPointer = Pointer | UndownloadedPointer | bytes | None
"""What `write_pointers` writes; bytes are a whole file, None deletes it."""
ATTEMPTS: Final = 10
"""How often a command starts again after a `DeletedByGcError`."""


class DeletedByGcError(MissingObjectError):
    """A gc has deleted objects that new pointers were about to name. A new attempt adds them to the store again."""

    def __init__(self, lost: int) -> None:
        super().__init__(
            f"a gc deleted {count(lost, 'object')} while pointers to them were written",
            why="its grace period is too short to restore them; no pointer was changed",
            fix="run the same command again",
        )


def write_pointers(repo: Repository, pointers: Mapping[bytes, NewPointer], guard: GcGuard | None = None) -> None:
    """Write the pointer of each data path, or delete it if it is None. Ignores the data in Git, and stages everything.

    Bytes are a whole pointer file, such as an older version. Other pointers keep the comments and keys that users have
    added. Restores objects that a gc has moved to the trash since `guard` was made. After an error or Ctrl-C, all files
    are as before. Raises DeletedByGcError if a new pointer names a deleted object.
    """
    for directory in {os.path.dirname(path) for path in pointers}:
        clear_leftovers(repo.layout.absolute(directory))
    change = _Change(repo)
    try:
        for directory, wanted in _by_directory(pointers).items():
            change.ignore_data(directory, wanted)
        for path, pointer in pointers.items():
            if pointer is not None:
                change.write(path, pointer)
            else:
                change.delete(path)
        change.write_all()
        change.stage()
        if guard is not None:
            _check_objects(guard, pointers.values(), change.old_pointers())
    except BaseException:
        change.roll_back()
        raise


def _by_directory(pointers: Mapping[bytes, NewPointer]) -> dict[bytes, dict[bytes, bool]]:
    """The names of the data in each directory, and whether each gets a pointer."""
    found: dict[bytes, dict[bytes, bool]] = {}
    for path, pointer in pointers.items():
        directory, name = os.path.split(path)
        found.setdefault(directory, {})[name] = pointer is not None
    return found


def _check_objects(guard: GcGuard, pointers: Collection[NewPointer], before: Collection[bytes]) -> None:
    lost = guard.recheck([one.ref().key for one in pointers if isinstance(one, Pointer)])
    if lost:
        lost -= guard.recheck(_roots_of(before))  # never fetched
    if lost:
        raise DeletedByGcError(len(lost))
    guard.recheck(_roots_of(one for one in pointers if isinstance(one, bytes)))


def _roots_of(contents: Iterable[bytes]) -> Iterator[ObjectKey]:
    """The objects that older versions of pointers name. Some of them may never have been fetched."""
    for content in contents:
        with suppress(CorruptError, ConflictError):
            pointer = pointer_format.decode(content)
            yield pointer.oid, pointer.kind


class _Change:
    """Files to change, and their previous content."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._before: dict[bytes, bytes | None] = {}
        self._contents: dict[Path, bytes] = {}
        self._written: set[bytes] = set()
        self._deleted: set[bytes] = set()
        self._pointers_to_delete: list[bytes] = []
        self._staging = False

    def write(self, path: bytes, pointer: Pointer | UndownloadedPointer | bytes) -> None:
        """Let `write_all` write the pointer of the data at `path`."""
        name = path + SUFFIX
        self._put_on_disk(name)
        before = self._remember(name)
        if isinstance(pointer, bytes):
            content = pointer
        else:
            content = pointer_format.encode(pointer) if before is None else pointer_format.rewrite(before, pointer)
        if content != before:
            self._file(name).parent.mkdir(parents=True, exist_ok=True)
            self._contents[self._file(name)] = content
        self._written.add(name)

    def write_all(self) -> None:
        """Write all pointers at once."""
        write_all_atomic(self._contents)

    def delete(self, path: bytes) -> None:
        """Delete the pointer of the data at `path` at the very end: after a kill, the same command finds it again."""
        name = path + SUFFIX
        if self._remember(name) is not None:
            self._pointers_to_delete.append(name)
        self._deleted.add(name)

    def ignore_data(self, directory: bytes, wanted: Mapping[bytes, bool]) -> None:
        """Add the names in `wanted` to the `.gitignore` of `directory`, or remove those that are False."""
        ignore_file = os.path.join(directory, b".gitignore")
        self._put_on_disk(ignore_file)
        if not any(wanted.values()) and not self._file(ignore_file).exists():
            # A killed command may have deleted it already.
            self._deleted.update(index.tracked_under(self._repo.git, ignore_file))
            return
        self._file(ignore_file).parent.mkdir(parents=True, exist_ok=True)
        self._remember(ignore_file)
        gitignore.edit(
            self._file(ignore_file),
            add=[gitignore.pattern(name) for name, ignored in wanted.items() if ignored],
            remove=[gitignore.pattern(name) for name, ignored in wanted.items() if not ignored],
        )
        if self._file(ignore_file).exists():
            self._deleted.discard(ignore_file)
            self._written.add(ignore_file)
        else:
            self._written.discard(ignore_file)
            self._deleted.add(ignore_file)

    def old_pointers(self) -> list[bytes]:
        """The previous content of the pointer files."""
        return [content for name, content in self._before.items() if content is not None and name.endswith(SUFFIX)]

    def stage(self) -> None:
        """Stage the changes in Git's index, and delete the pointers that are no longer needed."""
        self._staging = True
        self._repo.stage(sorted(self._written), deleted=sorted(self._deleted))
        for name in self._pointers_to_delete:
            self._file(name).unlink()
            fsync_dir(self._file(name).parent)

    def roll_back(self) -> None:
        """Restore the previous content of every file, and stage that if the changes may have been staged."""
        for name, content in self._before.items():
            with suppress(OSError):  # the error that led here says more
                if content is None:
                    self._file(name).unlink(missing_ok=True)
                elif self._content(name) != content:
                    write_atomic(self._file(name), content)
        if self._staging:  # perhaps Git was done when Ctrl-C came
            with suppress(DverError):
                old = {name for name, content in self._before.items() if content is not None}
                index.stage(self._repo.git, sorted(old))
                index.remove_cached(self._repo.git, sorted(self._before.keys() - old))

    def _put_on_disk(self, name: bytes) -> None:
        """Write a file that a sparse checkout leaves out, from the index, so that a change keeps its other lines."""
        file = self._file(name)
        if not os.path.lexists(file) and index.is_left_out(self._repo.git, name):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, index.staged_content(self._repo.git, name))

    def _remember(self, name: bytes) -> bytes | None:
        if name not in self._before:
            self._before[name] = self._content(name)
        return self._content(name)

    def _content(self, name: bytes) -> bytes | None:
        try:
            return read_regular(self._file(name))
        except FileNotFoundError:
            return None

    def _file(self, name: bytes) -> Path:
        return Path(os.fsdecode(self._repo.layout.absolute(name)))
