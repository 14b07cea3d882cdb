"""Locks of the kernel on open files. A lock ends with the processes that have the file open, however they end."""

from __future__ import annotations

import fcntl


def lock(fd: int, *, shared: bool = False) -> None:
    """Lock the open file `fd`; wait for a process that holds a conflicting lock."""
    fcntl.flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def try_lock(fd: int, *, shared: bool = False) -> bool:
    """Lock the open file `fd`. False if another process holds a conflicting lock. Raises OSError without locks."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(fd: int) -> None:
    """Release the lock on `fd`, also for other processes that have inherited the open file."""
    fcntl.flock(fd, fcntl.LOCK_UN)
