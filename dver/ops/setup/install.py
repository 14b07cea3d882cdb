"""`dver install`: install Git hooks, drivers and attributes."""

from __future__ import annotations

from pathlib import Path

from dver.git.git_repo import discover
from dver.gitflow.hooks.install import InstallResult, install_into


def install(cwd: Path, *, hooks: bool = True) -> InstallResult:
    """Install hooks, drivers and attributes in the clone that contains `cwd`. Without `hooks`, remove the hooks.
    Idempotent."""
    return install_into(discover(cwd), hooks=hooks)
