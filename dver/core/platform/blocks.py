"""Files on their disk: sharing blocks between two files, and making writes durable."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from functools import cache
from typing import Any, Final

from dver.core.platform import filelock

Name = str | bytes | os.PathLike[str]

_FICLONE: Final = 0x40049409
"""ioctl_ficlone(2) of Linux."""
_AT_FDCWD: Final = -2
_CLONE_NOOWNERCOPY: Final = 2
_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)
"""fcntl(2) of macOS, where fsync(2) leaves writes in the cache of the disk."""


def sync(fd: int) -> None:
    """Make the content of the open file or directory `fd` durable: it survives a power cut. Raises OSError."""
    if _FULL_SYNC is not None:
        with suppress(OSError):  # network disks and some external ones have only fsync
            fcntl.fcntl(fd, _FULL_SYNC)
            return
    os.fsync(fd)


def reflink(source: int, target: int, path: Name) -> bool:
    """Make the new file `path`, open as `target`, share all blocks of the open file `source`, copied on write.

    False where the disk cannot; then the file is still empty. Its mode stays, and a lock on it is shared.
    """
    clone = _clone_function()
    if clone is not None:
        return _replace_by_clone(clone, source, target, path)
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


@cache
def _clone_function() -> Any:
    """fclonefileat(2) of macOS; None on other systems."""
    if _FULL_SYNC is None:
        return None
    import ctypes

    try:
        function = ctypes.CDLL(None, use_errno=True).fclonefileat
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
    return function


def _replace_by_clone(clone: Any, source: int, target: int, path: Name) -> bool:
    """macOS clones to a new path only: the clone replaces `path`, and the descriptor `target` is pointed at it."""
    mode = os.fstat(target).st_mode & 0o7777
    while True:
        with suppress(FileNotFoundError):
            os.unlink(path)
        done = bool(clone(source, _AT_FDCWD, os.fsencode(path), _CLONE_NOOWNERCOPY) == 0)
        with suppress(FileNotFoundError):
            if done:
                os.chmod(path, 0o600)  # it has the mode of the source, which may forbid writing
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | (0 if done else os.O_CREAT))
            try:
                with suppress(OSError):  # a network disk without locks
                    filelock.try_lock(fd, shared=True)
                if os.fstat(fd).st_nlink:  # not deleted as a leftover before it was locked
                    os.fchmod(fd, mode)
                    os.utime(fd)
                    os.dup2(fd, target, inheritable=False)
                    return done
            finally:
                os.close(fd)
