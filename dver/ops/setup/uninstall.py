"""`dver uninstall`: take back what `dver install` did."""

from __future__ import annotations

from pathlib import Path

from dver.git.git_repo import discover
from dver.gitflow.hooks.install import UninstallResult, uninstall_from


def uninstall(cwd: Path) -> UninstallResult:
    """Take hooks, drivers and attributes away, and bring back the hooks that were there before."""
    return uninstall_from(discover(cwd))
