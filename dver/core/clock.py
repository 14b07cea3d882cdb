"""Times of files, and how far they can be trusted."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from dver.core.files import new_temporary

TICK_NS: Final = 20_000_000
"""Two ticks of the slowest kernel clock in use (100 Hz): times closer than this may be one and the same."""
_COARSE_TICK_NS: Final = 2_000_000_000
"""The same where the file system keeps whole seconds (FAT: every second one)."""
_SECOND_NS: Final = 1_000_000_000


def disk_lag(folder: Path) -> int:
    """By how many ns the clock of the disk of `folder` is behind ours, as that of a network disk may be.

    Never less than 0; and 0 where it cannot be asked.
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
    """Would a change after `now_ns` surely show in the ctime of a file that is `ctime_ns` now?

    Git calls the other files "racily clean": changed within the clock's granularity of being looked at. A ctime in
    the future, from a clock that was set back, never shows it. A ctime cannot be forged, as an mtime can.
    """
    tick = _COARSE_TICK_NS if ctime_ns % _SECOND_NS == 0 else TICK_NS
    return ctime_ns + tick < now_ns
