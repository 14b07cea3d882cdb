"""Durable and atomic file operations. Paths are str, bytes or os.PathLike, as `os` takes them."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError, DverError, LocalIOError
from dver.core.platform import blocks, filelock
from dver.core.platform.blocks import Name

_TEMPORARY: Final = re.compile(rb"\.dver-[a-z]+-\d+-[0-9a-f]{12}")

DISK_REMEDIES: Final = {
    errno.ENOSPC: ("the disk is full", "free some space, then run the same command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, then run the same command again"),
    errno.EFBIG: ("no file may be that large there", "use another file system, or raise the limit of `ulimit -f`"),
    errno.EROFS: ("the file system is read-only", "make it writable, then run the same command again"),
    errno.EACCES: ("permission denied", "check the owner and mode of the path"),
    errno.EPERM: ("operation not permitted", "check the owner and mode of the path"),
    errno.EMFILE: ("too many open files in this process", "raise the limit with `ulimit -n 4096`"),
    errno.ENFILE: ("too many open files on this machine", "close other programs, then run the same command again"),
    errno.EIO: ("the disk reports an input/output error", "check the disk's health before anything else"),
}
"""The reason and the remedy of a failed file operation, by error number."""
NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})
"""Errors of file systems without hard links (FAT, some network shares), where a file can still be renamed."""
_WRITING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})


PIECE: Final = 4 << 20
_GROWTH: Final = 16 * PIECE
_MANY: Final = 16
"""The number of files from which on parallel syncs are faster."""
_SYNCS_AT_ONCE: Final = 16


class GrowingError(ConflictError):
    """A file grows faster than it can be read."""


class SpecialFileError(LocalIOError):
    """A path is a FIFO, a device or a socket, which may have no end, instead of a file."""


def read_regular(path: Name, limit: int = -1) -> bytes:
    """The content of the file `path`, at most `limit` bytes. Follows links.

    Raises OSError as `open` does, IsADirectoryError for a directory, and SpecialFileError.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise _special(path) from None
        raise
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if stat.S_ISREG(status.st_mode):
            return file.read(limit)
        if status.st_rdev == os.stat(os.devnull).st_rdev:  # people use it as an empty settings file
            return b""
        raise _special(path)


def _special(path: Name) -> SpecialFileError:
    shown = os.fsdecode(path)
    return SpecialFileError(
        f"{shown!r} is not a regular file",
        why="dver does not read FIFOs, devices and sockets: they may have no end",
        fix="replace it by a file",
    )


def read_pieces(fd: int, *, start: int = 0) -> Iterator[bytes]:
    """The content of the open file `fd` from `start` to its end, piece by piece.

    Raises GrowingError for a file that grows faster than it is read: that would fill the disk, and never end.
    """
    at, limit = start, os.fstat(fd).st_size + _GROWTH
    while piece := os.pread(fd, PIECE, at):
        yield piece
        at += len(piece)
        if at > limit:
            raise GrowingError("a file grows faster than it can be read", fix="stop the program that writes it")


@contextmanager
def writing_to(path: Name) -> Iterator[None]:
    """Add `path` to errors of writes in the block: the system does not name the file."""
    try:
        yield
    except OSError as error:
        name_path(error, path)
        raise


def name_path(error: BaseException | None, path: Name) -> None:
    """Add `path` to an error of a write that names no file."""
    if isinstance(error, OSError) and error.filename is None and error.errno in _WRITING:
        error.filename = os.fspath(path)


def is_disk_full(error: OSError) -> bool:
    """Is the disk, or the quota of the user, full?"""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def explain(error: OSError) -> DverError:
    """An `OSError` as an error for users."""
    path = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else None
    why, fix = DISK_REMEDIES.get(error.errno or 0, (error.strerror or str(error), "see the path above"))
    verb = "write to" if error.errno in _WRITING else "use"
    return LocalIOError(f"cannot {verb} {path!r}" if path else "a file operation failed", why=why, fix=fix)


def fsync_dir(path: Name) -> None:
    """Make the names in the directory `path` durable, unless this user may not open it."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        blocks.sync(fd)
    except OSError as error:
        # Some network shares and FUSE file systems cannot sync directories: a process can do no more.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


def temporary_name(stem: str = "tmp") -> str:
    """A unique file name. `is_temporary` recognizes it by its form."""
    return f".dver-{stem}-{os.getpid()}-{os.urandom(6).hex()}"


def is_temporary(name: bytes) -> bool:
    """Is this a name of `temporary_name`: unfinished, or left by a killed process?"""
    return name.startswith(b".dver-") and _TEMPORARY.fullmatch(name) is not None


def new_temporary(folder: Path, stem: str = "tmp", *, mode: int = 0o666) -> tuple[Path, int]:
    """A new file with a temporary name in `folder`, open for reading and writing, not locked."""
    path = folder / temporary_name(stem)
    return path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)


def create_temporary(folder: Path, stem: str = "tmp", *, mode: int = 0o666) -> tuple[Path, int]:
    """A new file with a temporary name in `folder`, open for reading and writing, locked while it is open.

    An unlocked one is a leftover: `clear_leftovers` deletes it.
    """
    while True:
        path, fd = new_temporary(folder, stem, mode=mode)
        filelock.lock(fd, shared=True)
        if os.fstat(fd).st_nlink:  # no process cleared it before it was locked
            return path, fd
        os.close(fd)


def clear_leftovers(folder: Name) -> None:
    """Delete the leftovers of killed processes in `folder`: unlocked files with temporary names."""
    with suppress(FileNotFoundError), os.scandir(os.fsencode(folder)) as listing:
        for path in [entry.path for entry in listing if is_temporary(entry.name)]:
            _clear_unlocked(path)


def is_unlocked(path: Name) -> bool:
    """Is the file or directory `path` unlocked?"""
    with suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return filelock.try_lock(fd)
        finally:
            os.close(fd)
    return False


def _clear_unlocked(path: bytes) -> None:
    with suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if filelock.try_lock(fd):
                delete_any(path)
        finally:
            os.close(fd)


def delete_any(path: Name) -> None:
    """Delete a file, a link or a directory with all that is in it. Errors are ignored."""
    import shutil  # slow to import, and most commands do not need it

    with suppress(OSError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def move_to_free_name(source: Name, target: Name) -> bool:
    """Rename a file or link on the same disk. Returns False and changes nothing if `target` exists.

    A hard link is used, since a rename replaces the target. Without hard links, a target that appears between the check
    and the rename is replaced.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(target):
            return False
        os.rename(source, target)
        return True
    os.unlink(source)
    return True


def write_atomic(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace the file `path` atomically by `content`. An existing file keeps its mode.

    With `durable`, the change survives a power cut once this returns.
    """
    temporary, fd = create_temporary(path.parent, mode=_mode_of(path))
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                blocks.sync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    if durable:
        fsync_dir(path.parent)


def write_all_atomic(files: Mapping[Path, bytes]) -> None:
    """Replace each of `files` atomically and durably. Writes all before it replaces the first one.

    Syncs run in parallel, since a disk serves many at once.
    """
    if len(files) == 1:
        for path, content in files.items():
            write_atomic(path, content)
        return
    temporary: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            temporary[path], fd = create_temporary(path.parent, mode=_mode_of(path))
            with open(fd, "wb") as file:
                file.write(content)
        _sync_files(list(temporary.values()))
        for path, made in temporary.items():
            os.replace(made, path)
    except BaseException:
        for made in temporary.values():
            with suppress(OSError):
                os.unlink(made)
        raise
    for folder in {path.parent for path in files}:
        fsync_dir(folder)


def _sync_files(paths: Sequence[Path]) -> None:
    if len(paths) < _MANY:
        for path in paths:
            _sync_file(path)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
        list(pool.map(_sync_file, paths))


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        blocks.sync(fd)
    finally:
        os.close(fd)


def _mode_of(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_mode & 0o777
    return 0o666
