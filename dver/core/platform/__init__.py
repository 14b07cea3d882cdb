"""Everything that differs between operating systems. docs/platforms.md says what works where.

No other module asks which system it runs on, or imports `fcntl`, `resource`, `pwd`, `grp` or `ctypes`: ruff forbids it.
This module must import on every system, Windows included, and quickly: each start of dver does that.
"""

import sys
from typing import Final

LINUX: Final[bool] = sys.platform == "linux"
UNSUPPORTED: Final = 69
"""The exit code on a system that dver does not support: EX_UNAVAILABLE of sysexits.h."""

_WINDOWS: Final = (
    "error: dver does not run on Windows\n"
    "why: it needs file locks, hard links and processes as Linux and macOS have them\n"
    "fix: install WSL with `wsl --install`, then install and run dver in a WSL terminal\n"
)


def unsupported() -> str | None:
    """The error message on a system that dver does not support; None elsewhere."""
    return _WINDOWS if sys.platform == "win32" else None
