"""Making files of a store: where they are written, who else may use them, and how those are known that nobody finishes.

A file is written under a temporary name in the folder `tmp/`, gets its permissions, and is then renamed to its place.
Whoever dies on the way leaves it there, and a later writer takes it away. How that one knows that it is left over is
the only thing that depends on whose store it is:

- The clone's own store is used from one machine. Who writes a file holds a lock on it; what nobody locks is left over.
- A store outside of the clone may be on a network disk, where locks are slow, missing, or outlive their process. There
  none is ever taken: what nobody has touched for a day is left over.
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
"""The mode of a file in the store: nobody writes to it again, and who may read it is for the folders to say."""
FOLDER_BITS: Final = {"no": 0, "group": 0o2070, "all": 0o2075}
"""What `cache.shared` adds to the mode that the umask leaves of a new folder. With 2000, what is made in it gets its
group."""
_TRIES: Final = 8


class Sharing(NamedTuple):
    """Who else uses a store."""

    folder_bits: int = 0
    """Permissions that new folders get whatever the umask: one of FOLDER_BITS."""
    clone: Path | None = None
    """The Git directory of this clone, if others may use the store as well; None if it is this clone's own."""

    @property
    def locks(self) -> bool:
        """May files be locked: is the store used by this clone only?"""
        return self.clone is None


PRIVATE: Final = Sharing()


class ScratchDirectory:
    """The folder in which files of a store are made. It is there once the first one is."""

    def __init__(self, folder: Path, sharing: Sharing = PRIVATE) -> None:
        self.folder = folder
        self.sharing = sharing

    def __fspath__(self) -> str:
        return os.fspath(self.folder)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def create(self, stem: str) -> tuple[Path, int]:
        """A new file under a temporary name, open for reading and writing."""
        create = create_temporary if self.sharing.locks else new_temporary
        with explaining(self.folder):
            return self.within(self.folder, lambda: create(self.folder, stem))

    def hold(self, fd: int) -> None:
        """Keep the open file `fd`, which was not made by `create`, from being cleared; as far as that is possible."""
        if self.sharing.locks:
            with suppress(OSError):
                try_lock(fd, shared=True)  # fails if the user's own program has locked the file

    def finish(self, fd: int) -> None:
        """Give the open file `fd` the mode that it has in the store. Somebody else's keeps its own."""
        if os.fstat(fd).st_uid == os.geteuid():
            os.fchmod(fd, FINISHED)

    def place(self, file: Path, target: Path) -> None:
        """Rename the finished `file` to `target`, for good. Raises FileNotFoundError if it was cleared meanwhile."""
        with explaining(target.parent):
            # Another process may have made the same: then both files hold the same bytes, and either may win.
            self.within(target.parent, lambda: os.replace(file, target))
        fsync_dir(target.parent)

    def write(self, target: Path, content: bytes) -> None:
        """Have the file `target` be one that holds `content`, durably: readers see the old or the new, never a part."""
        file, fd = self.create("tmp")
        try:
            with open(fd, "wb") as writing:
                writing.write(content)
                writing.flush()
                blocks.sync(fd)
                self.finish(fd)
                self.place(file, target)
        finally:
            file.unlink(missing_ok=True)

    def make_folder(self, folder: Path) -> None:
        """Have `folder` exist, and those above it. Those that are new get their permissions before their names, so that
        nobody else comes upon one that is closed."""
        if folder.is_dir():
            return
        with explaining(folder.parent):
            try:
                self.within(folder.parent, lambda: self._make_one(folder))
            except OSError:
                if not folder.is_dir():  # and was not made by another process just now
                    raise
        fsync_dir(folder.parent)

    def within(self, folder: Path, action: Callable[[], T]) -> T:
        """Have `folder` exist, do `action`, which makes something in it, and return what that does.

        A folder that is new and empty may be replaced by that of another process, which found it missing too.
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
    def whose(self) -> bytes:
        """What tells files of this user on this machine from those of others; nothing where there are no others."""
        return b"" if self.sharing.locks else f"{os.geteuid()}@{host_name()}".encode()

    def check(self, *folders: Path) -> None:
        """Have `folders` exist, and see that files can be made there. Raises LocalIOError."""
        for folder in (self.folder, *folders):
            self.make_folder(folder)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise denied(folder)

    # -- what was left over

    def clear(self) -> None:
        """Delete what was left over. Nothing is said about what cannot be deleted."""
        if self.sharing.locks:
            clear_leftovers(self.folder)
            return
        for path in self._aged():
            _delete(path)

    def leftovers(self) -> int:
        """How many files are left over."""
        if not self.sharing.locks:
            return len(self._aged())
        return sum(map(is_unlocked, self._temporary()))

    def _aged(self) -> list[Path]:
        """Temporary files that nobody has touched for a day."""
        import time

        # ctime, as a hard link has the mtime of the user's file.
        touched = {path: at for path in self._temporary() if (at := _ctime(path)) is not None}
        if all(at > time.time() - DAY for at in touched.values()):
            return []
        now = self._now()
        return [path for path, at in touched.items() if at <= now - DAY]

    def _now(self) -> float:
        """What the clock of the disk says, which on a network is not ours. Nothing is old if it cannot be asked."""
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


def is_store(root: Path) -> bool:
    """Is there a store at `root`, with anything in it?"""
    return any((root / name).is_dir() and any((root / name).iterdir()) for name in ("packs", "loose"))


@contextmanager
def explaining(folder: Path) -> Iterator[None]:
    """Have the error tell who may write to `folder`, if nobody but others may."""
    try:
        yield
    except PermissionError as error:
        if os.access(folder, os.W_OK | os.X_OK):
            raise
        raise denied(folder) from error


def denied(folder: Path) -> DverError:
    """The error for a folder of a store that this user may not write to."""
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return explain(OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(folder)))
    status = os.stat(folder)
    owner, group, mode = user_name(status.st_uid), group_name(status.st_gid), status.st_mode & 0o7777
    place = quoted(os.fspath(folder))
    if status.st_uid == os.geteuid():
        fix = f"chmod u+rwx {place}"
    elif mode & 0o030 == 0o030:
        fix = f"become a member of the group {group}, or use a store of your own: dver config set --local cache.dir DIR"
    else:
        fix = f"have {owner} run: chmod g+rwxs {place}, and have `cache.shared` be group for all who use the store"
    return LocalIOError(
        f"cannot write to the folder {os.fspath(folder)!r} of the store",
        why=f"it belongs to {owner}, its group is {group} and its mode {mode:04o}",
        fix=fix,
    )


def _delete(path: Path) -> None:
    import shutil

    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _ctime(path: Path) -> float | None:
    with suppress(OSError):
        return os.lstat(path).st_ctime
    return None
