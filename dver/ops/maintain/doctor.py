"""`dver doctor`: check this installation, disk and project."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from dver.core.errors import RepositoryError
from dver.core.version import __version__
from dver.git import git_repo
from dver.maintenance import project_checks
from dver.maintenance.monitor_checks import check_monitors
from dver.maintenance.project_checks import Diagnosis, Finding, Level, run_check
from dver.maintenance.shared_store_checks import check_shared_store
from dver.repo import Repository

_NEEDED: Final = ("blake3", "click", "fsspec", "GitPython", "pathspec", "PyYAML", "ruamel.yaml", "s3fs", "tomlkit")
_NEEDED_TOO: Final = ("tqdm", "xxhash", "zstandard")
_OLDEST_GIT: Final = (2, 31)
_PATIENCE: Final = 20.0


def doctor(cwd: Path, *, offline: bool = False, seconds: float = _PATIENCE) -> Diagnosis:
    """Check the installation and the project of `cwd`, without remotes if `offline`.

    Waits `seconds` for each remote. Changes nothing.
    """
    findings = [*run_check("versions", _versions), *run_check("git", _git)]
    try:
        repo = Repository.open(cwd)
    except RepositoryError as error:
        return Diagnosis((*findings, project_checks.problem_finding("project", error, level=Level.WARNING)))
    with repo:
        return Diagnosis((*findings, *_project(repo, offline=offline, seconds=seconds)))


def _project(repo: Repository, *, offline: bool, seconds: float) -> Iterator[Finding]:
    yield Finding(Level.OK, "project", str(repo.root))
    config = run_check("config", lambda: project_checks.check_config(repo))
    yield from config
    if not config or config[0].level is Level.PROBLEM:
        return  # the configuration names the store and the remotes
    yield from run_check("disk", lambda: project_checks.check_disk(repo))
    yield from run_check("store", lambda: project_checks.check_store(repo))
    yield from run_check("store", lambda: check_shared_store(repo))
    yield from run_check("pointers", lambda: project_checks.check_pointers(repo))
    yield from run_check("monitors", lambda: check_monitors(repo))
    yield from run_check("hooks", lambda: project_checks.check_hooks(repo))
    if not offline:
        yield from run_check("remote", lambda: project_checks.check_remotes(repo, seconds=seconds))


def _versions() -> Iterator[Finding]:
    python = platform.python_version()
    yield Finding(Level.OK, "versions", f"dver {__version__}, Python {python} ({sys.executable})")
    yield Finding(Level.OK, "versions", platform.platform())
    found, missing = [], []
    for name in (*_NEEDED, *_NEEDED_TOO):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    yield Finding(Level.OK, "versions", ", ".join(found))
    if missing:
        yield Finding(
            Level.PROBLEM,
            "versions",
            f"not installed: {', '.join(missing)}",
            "reinstall dver with its dependencies",
        )


def _git() -> Iterator[Finding]:
    found = git_repo.version()
    shown = ".".join(map(str, found))
    if found < _OLDEST_GIT:
        yield Finding(Level.PROBLEM, "git", f"git {shown} is too old", "install Git 2.31 or later")
    else:
        yield Finding(Level.OK, "git", f"git {shown}")
