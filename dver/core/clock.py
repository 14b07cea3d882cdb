"""Timestamps of files, and whether they show a change."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from dver.core.files import new_temporary

TICK_NS: Final = 20_000_000
"""Two ticks of the slowest kernel clock (100 Hz): closer timestamps may be equal although the times differ."""
_COARSE_TICK_NS: Final = 2_000_000_000
"""The same on file systems with whole seconds (FAT: even seconds)."""
_SECOND_NS: Final = 1_000_000_000


def disk_lag(folder: Path) -> int:
    """Nanoseconds by which the clock of the disk of `folder` is behind ours, such as that of a network disk.

    Never negative. 0 if `folder` cannot be written.
    """
    try:
        path, fd = new_temporary(folder, "clock")
    except OSError:
        return 0
    try:
        return max(0, time.time_ns() - os.fstat(fd).st_ctime_ns - TICK_NS)
    finally:
        os.close(fd)
        path.unlink(missing_ok=True)


def would_show(ctime_ns: int, now_ns: int) -> bool:
    """Will the ctime of a file, now `ctime_ns`, show every change after `now_ns`?

    Git calls other files "racily clean": the last change was within one clock tick of the read. A ctime in the future,
    from a clock that was set back, shows nothing. Programs can set an mtime, but not a ctime.
    """
    tick = _COARSE_TICK_NS if ctime_ns % _SECOND_NS == 0 else TICK_NS
    return ctime_ns + tick < now_ns
