"""Files that other programs have open for writing. Such a file must not be linked to the store."""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.core.platform.blocks import Name

_PROCESSES: Final = Path("/proc")


def is_open_for_writing(path: Name) -> bool:
    """Does a program have the regular file `path` open for writing, or mapped into memory for that?

    The Linux kernel grants a lease only if no program can write. Without leases, this looks at the open files of all
    processes that this user may see. Without those, the answer is no.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return not _has_lease(fd)
    except (OSError, AttributeError):  # not every file system and system has leases
        return _is_open_somewhere(os.fstat(fd))
    finally:
        os.close(fd)


def _has_lease(fd: int) -> bool:
    """Does the kernel grant a lease: can no program write to the open file `fd`? Releases the lease at once."""
    # If a program opens the file right now, the kernel sends us a signal: use one that is ignored by default.
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return False
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return True


def _is_open_somewhere(wanted: os.stat_result) -> bool:
    with suppress(OSError):
        for process in _PROCESSES.iterdir():
            if process.name.isdecimal() and _writes_to(process, wanted):
                return True
    return False


def _writes_to(process: Path, wanted: os.stat_result) -> bool:
    with suppress(OSError):  # it has ended, or belongs to another user
        for name in os.listdir(process / "fd"):
            with suppress(OSError):
                if os.path.samestat(os.stat(process / "fd" / name), wanted):
                    fields = (process / "fdinfo" / name).read_text().split()
                    if int(fields[fields.index("flags:") + 1], 8) & os.O_ACCMODE != os.O_RDONLY:
                        return True
    return False
