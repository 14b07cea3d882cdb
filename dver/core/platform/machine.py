"""This machine and its processes: processors, memory, users, and whether a process may fork."""

from __future__ import annotations

import os
import re
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dver.core.platform import LINUX

if TYPE_CHECKING:
    from resource import struct_rusage

MEMORY_LIMITS: Final = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory"))
"""The directories in which Linux keeps the limits of a container."""

IDLE_AT_FORKS: Final = "idle_at_forks"
"""The attribute of a thread that holds no lock while this process forks: see `os.register_at_fork`."""


def host_name() -> str:
    """The name of this machine. Containers may share one."""
    return os.uname().nodename


def user_name(number: int) -> str:
    """The name of the user with a number, or that number."""
    import pwd

    with suppress(KeyError):
        return pwd.getpwuid(number).pw_name
    return f"user {number}"


def group_name(number: int) -> str:
    """The name of the group with a number, or that number."""
    import grp

    with suppress(KeyError):
        return grp.getgrgid(number).gr_name
    return f"number {number}"


def can_fork() -> bool:
    """May this process fork and go on in the child?

    A fork copies only the thread that calls it: locks that other threads hold stay locked in the child for ever. So
    there must be no others but those that are idle during forks, and have the attribute `idle_at_forks`. The libraries
    of macOS have threads of their own.
    """
    threading = sys.modules.get("threading")
    running = [] if threading is None else [one for one in threading.enumerate() if not hasattr(one, IDLE_AT_FORKS)]
    return LINUX and len(running) <= 1


def wait_for_exit(pid: int) -> None:
    """Wait until the child process `pid` has ended, and leave it to `wait4`: its number stays its own until then."""
    if sys.platform == "darwin" and not hasattr(os, "waitid"):  # before Python 3.13
        import select

        event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD | select.KQ_EV_ONESHOT, select.KQ_NOTE_EXIT)
        with suppress(ProcessLookupError), closing(select.kqueue()) as queue:  # it has ended
            queue.control([event], 1)
        return
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def available_cpus() -> int | None:
    """The number of processors that this process may use; None if it is unknown."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def available_memory() -> int | None:
    """Bytes of memory of this machine, or of its container; None if it is unknown."""
    found: list[int] = []
    with suppress(OSError, ValueError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for folder in MEMORY_LIMITS:
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):  # no container, or one without a limit, which says `max`
                found.append(int((folder / name).read_text()))
    return min(found, default=None)


def peak_memory(usage: struct_rusage) -> int:
    """The peak memory in bytes of the process that `usage` is about."""
    return usage.ru_maxrss * (1024 if LINUX else 1)


def own_peak_memory() -> int:
    """The peak memory in bytes of this process."""
    import resource

    # On Linux, `getrusage` counts the memory of the parent process, too.
    with suppress(FileNotFoundError):
        found = re.search(rb"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_bytes(), re.MULTILINE)
        if found:
            return int(found[1]) << 10
    return peak_memory(resource.getrusage(resource.RUSAGE_SELF))
