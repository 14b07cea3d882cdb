"""Processes: which ones are alive, and what they are called."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress


def process_space() -> str:
    """Where a process id of ours means this process: the running kernel and the PID namespace; empty if unknown.

    The host name does not tell: containers may share one, and have their own process ids.
    """
    with suppress(OSError), open("/proc/sys/kernel/random/boot_id", "rb") as file:
        boot = file.read(64).decode("ascii", "replace").strip()
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    return ""


def is_alive(pid: int) -> bool:
    """Is there a process `pid`, of any user, in our process space?"""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def is_stopped(pid: int) -> bool:
    """Is the process `pid` stopped, as Ctrl-Z does? No where that cannot be told."""
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        # The state follows the command, which is in parentheses and may have any characters.
        return file.read(1024).rpartition(b")")[2].split()[0] in (b"T", b"t")
    return False


def command_line() -> str:
    """What this process runs, as it would be typed."""
    program = os.path.basename(sys.argv[0]) if sys.argv else ""
    # Started with `python -m dver`, the program is that package's file.
    name = "dver" if program in ("", "__main__.py") else program
    return shlex.join([name, *sys.argv[1:]])
