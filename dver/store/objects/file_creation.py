"""Creating files of a store: temporary files, permissions, and clearing leftovers.

A file is written under a temporary name in `tmp/`, gets its mode, and is then renamed to its final path. A process that
dies meanwhile leaves a leftover, which a later writer clears. The kind of store decides what a leftover is:

- The clone's own store is used on one machine. A writer locks its files, so an unlocked file is a leftover.
- A shared store may be on a network disk, where locks are slow, missing, or outlive their process. There are no locks:
  a file that did not change for a day is a leftover.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from dver.core.errors import DverError, LocalIOError
from dver.core.files import (
    clear_leftovers,
    create_temporary,
    delete_any,
    explain,
    fsync_dir,
    is_temporary,
    is_unlocked,
    new_temporary,
    temporary_name,
)
from dver.core.phrasing import quoted
from dver.core.platform import blocks
from dver.core.platform.filelock import try_lock
from dver.core.platform.machine import group_name, host_name, user_name

T = TypeVar("T")

DAY: Final = 86_400
FINISHED: Final = 0o444
"""The mode of a file in the store. Files are never changed, and directories decide who may read them."""
FOLDER_BITS: Final = {"no": 0, "group": 0o2070, "all": 0o2075}
"""The bits that `cache.shared` adds to the mode of a new directory. With 2000, new files in it get its group."""
_TRIES: Final = 8


class Sharing(NamedTuple):
    """The other users of a store."""

    folder_bits: int = 0
    """Bits of the mode that new directories get whatever the umask: one of FOLDER_BITS."""
    clone: Path | None = None
    """The Git directory of this clone if the store is shared; None if it is this clone's own."""

    @property
    def locks(self) -> bool:
        """Does a writer lock its files? Only in a store of one clone."""
        return self.clone is None


PRIVATE: Final = Sharing()


class ScratchDirectory:
    """The directory of the temporary files of a store. The first file creates it."""

    def __init__(self, folder: Path, sharing: Sharing = PRIVATE) -> None:
        self.folder = folder
        self.sharing = sharing

    def __fspath__(self) -> str:
        return os.fspath(self.folder)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def create(self, stem: str) -> tuple[Path, int]:
        """A new file with a temporary name, open for reading and writing."""
        create = create_temporary if self.sharing.locks else new_temporary
        with explaining_permissions(self.folder):
            return self.within(self.folder, lambda: create(self.folder, stem))

    def keep_locked(self, fd: int) -> None:
        """Lock the open file `fd`, which `create` did not make, so that it is not cleared. Errors are ignored."""
        if self.sharing.locks:
            with suppress(OSError):
                try_lock(fd, shared=True)  # fails if the user's own program has locked the file

    def set_final_mode(self, fd: int) -> None:
        """Set the final mode of the open file `fd`, unless it belongs to another user."""
        if os.fstat(fd).st_uid == os.geteuid():
            os.fchmod(fd, FINISHED)

    def move_into_place(self, file: Path, target: Path) -> None:
        """Move the finished `file` to `target`, durably. Raises FileNotFoundError if it was cleared meanwhile."""
        with explaining_permissions(target.parent):
            # Another process may have made the same file. Both have the same bytes, so either may win.
            self.within(target.parent, lambda: os.replace(file, target))
        fsync_dir(target.parent)

    def write(self, target: Path, content: bytes) -> None:
        """Replace the file `target` by `content`, atomically and durably."""
        file, fd = self.create("tmp")
        try:
            with open(fd, "wb") as writing:
                writing.write(content)
                writing.flush()
                blocks.sync(fd)
                self.set_final_mode(fd)
                self.move_into_place(file, target)
        finally:
            file.unlink(missing_ok=True)

    def make_folder(self, folder: Path) -> None:
        """Create `folder` and its missing parents. New directories get their mode before their names, so that no other
        user finds one without permissions."""
        if folder.is_dir():
            return
        with explaining_permissions(folder.parent):
            try:
                self.within(folder.parent, lambda: self._make_one(folder))
            except OSError:
                if not folder.is_dir():  # another process did not make it either
                    raise
        fsync_dir(folder.parent)

    def within(self, folder: Path, action: Callable[[], T]) -> T:
        """Create `folder`, and return the result of `action`, which creates something in it.

        Retries: another process that also found `folder` missing may replace it while it is empty.
        """
        for _ in range(_TRIES):
            self.make_folder(folder)
            with suppress(FileNotFoundError):
                return action()
        return action()

    def _make_one(self, folder: Path) -> None:
        if not self.sharing.folder_bits:
            os.mkdir(folder)
            return
        made = folder.parent / temporary_name("folder")
        os.mkdir(made)
        try:
            os.chmod(made, os.stat(made).st_mode & 0o7777 | self.sharing.folder_bits)
            os.rename(made, folder)
        except OSError:
            os.rmdir(made)
            raise

    @property
    def owner_key(self) -> bytes:
        """A key of this user on this machine for names in a shared store; empty in the clone's own store."""
        return b"" if self.sharing.locks else f"{os.geteuid()}@{host_name()}".encode()

    def check_writable(self, *folders: Path) -> None:
        """Create `folders`, and check that this user can write to them. Raises LocalIOError."""
        for folder in (self.folder, *folders):
            self.make_folder(folder)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise permission_error(folder)

    # -- leftovers

    def clear_leftovers(self) -> None:
        """Delete leftovers. Errors are ignored."""
        if self.sharing.locks:
            clear_leftovers(self.folder)
            return
        for path in self._aged():
            delete_any(path)

    def count_leftovers(self) -> int:
        if not self.sharing.locks:
            return len(self._aged())
        return sum(map(is_unlocked, self._temporary()))

    def _aged(self) -> list[Path]:
        """Temporary files that did not change for a day."""
        import time

        # By ctime, since a hard link has the mtime of the user's file.
        touched = {path: at for path in self._temporary() if (at := _ctime(path)) is not None}
        if all(at > time.time() - DAY for at in touched.values()):
            return []
        now = self._now()
        return [path for path, at in touched.items() if at <= now - DAY]

    def _now(self) -> float:
        """The time by the clock of the disk, which on a network is not ours. 0 if the disk cannot be written."""
        try:
            path, fd = new_temporary(self.folder, "now")
        except OSError:
            return 0.0
        try:
            return os.fstat(fd).st_ctime
        finally:
            os.close(fd)
            path.unlink(missing_ok=True)

    def _temporary(self) -> list[Path]:
        with suppress(OSError):
            return [self.folder / name for name in os.listdir(self.folder) if is_temporary(os.fsencode(name))]
        return []


def list_names(folder: Path) -> list[str]:
    """The sorted names in `folder`; none if it is missing, or is no directory."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_store(root: Path) -> bool:
    """Is `root` a store that is not empty?"""
    return any((root / name).is_dir() and any((root / name).iterdir()) for name in ("packs", "loose"))


@contextmanager
def explaining_permissions(folder: Path) -> Iterator[None]:
    """Explain a permission error in the block: name the user and the group that may write to `folder`."""
    try:
        yield
    except PermissionError as error:
        if os.access(folder, os.W_OK | os.X_OK):
            raise
        raise permission_error(folder) from error


def permission_error(folder: Path) -> DverError:
    """The error for a directory of the store that this user may not write to."""
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return explain(OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(folder)))
    status = os.stat(folder)
    owner, group, mode = user_name(status.st_uid), group_name(status.st_gid), status.st_mode & 0o7777
    path = quoted(os.fspath(folder))
    if status.st_uid == os.geteuid():
        fix = f"chmod u+rwx {path}"
    elif mode & 0o030 == 0o030:
        fix = f"become a member of the group {group}, or use a store of your own: dver config set --local cache.dir DIR"
    else:
        fix = f"ask {owner} to run `chmod g+rwxs {path}`, and set `cache.shared` to group for all users of the store"
    return LocalIOError(
        f"cannot write to the directory {os.fspath(folder)!r} of the store",
        why=f"it belongs to {owner}, its group is {group} and its mode {mode:04o}",
        fix=fix,
    )


def _ctime(path: Path) -> float | None:
    with suppress(OSError):
        return os.lstat(path).st_ctime
    return None
