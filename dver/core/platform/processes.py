"""Processes: whether they are alive, and their command lines."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress


def process_space() -> str:
    """The scope of our process ids: the running kernel and the PID namespace; empty if unknown.

    The host name does not suffice: containers may share one, and have process ids of their own.
    """
    with suppress(OSError), open("/proc/sys/kernel/random/boot_id", "rb") as file:
        boot = file.read(64).decode("ascii", "replace").strip()
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    return ""


def is_alive(pid: int) -> bool:
    """Does a process `pid` of any user exist in our process space?"""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def is_stopped(pid: int) -> bool:
    """Is the process `pid` stopped, as by Ctrl-Z? False if that is unknown."""
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        # The state follows the command, which is in parentheses and may have any characters.
        return file.read(1024).rpartition(b")")[2].split()[0] in (b"T", b"t")
    return False


def command_line() -> str:
    """The command line of this process, quoted for a shell."""
    program = os.path.basename(sys.argv[0]) if sys.argv else ""
    # With `python -m dver`, the program is the file of that package.
    name = "dver" if program in ("", "__main__.py") else program
    return shlex.join([name, *sys.argv[1:]])
