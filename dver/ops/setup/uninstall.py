"""`dver uninstall`: remove what `dver install` installed."""

from __future__ import annotations

from pathlib import Path

from dver.git.git_repo import discover
from dver.gitflow.hooks.install import UninstallResult, uninstall_from


def uninstall(cwd: Path) -> UninstallResult:
    """Remove hooks, drivers and attributes, and restore the hooks that were there before."""
    return uninstall_from(discover(cwd))
