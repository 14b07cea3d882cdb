"""`dver install`: have Git run dver where that keeps data and pointers together."""

from __future__ import annotations

from pathlib import Path

from dver.git.git_repo import discover
from dver.gitflow.hooks.install import InstallResult, install_into


def install(cwd: Path, *, hooks: bool = True) -> InstallResult:
    """Put hooks, drivers and attributes in place in the clone that `cwd` is in; without `hooks`, the hooks are taken
    away. Doing it again is harmless."""
    return install_into(discover(cwd), hooks=hooks)
