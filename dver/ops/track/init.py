"""`dver init`: create a project in a Git repository or in one of its directories."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import ConflictError
from dver.core.files import clear_leftovers, write_atomic
from dver.git import index
from dver.git.git_repo import discover
from dver.gitflow.hooks.install import InstallResult, install_into
from dver.repo import PROJECT_DIR, Repository

_CONFIG: Final = b"""\
# Settings of this project, shared through Git. See `dver config --help`.
# Secrets do not belong here: `dver config set --local` keeps them in this clone.
"""


@dataclass(frozen=True, slots=True, repr=False)
class InitResult(Displayed):
    """The project's directory, whether it existed, and the installed hooks and drivers; None without installation."""

    root: Path
    existed: bool
    installed: InstallResult | None = None


def init(cwd: Path, *, hooks: bool = True) -> InitResult:
    """Make the directory `cwd` a project. Idempotent.

    Installs Git hooks and drivers, unless `hooks` or the setting `hooks.install` is false. Raises RepositoryError
    without a Git repository, ConflictError if `.dver` is no directory.
    """
    git = discover(cwd)
    root = Path(os.path.realpath(cwd))
    folder = root / PROJECT_DIR
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConflictError(
            f"{os.fspath(folder)!r} already exists", why="it is not a directory", fix="move it elsewhere"
        )
    existed = (folder / "config.toml").exists()
    folder.mkdir(exist_ok=True)
    clear_leftovers(folder)
    if not existed:
        write_atomic(folder / "config.toml", _CONFIG)
    repo = Repository(root, git)
    path = os.path.join(repo.layout.prefix, os.fsencode(PROJECT_DIR), b"config.toml")
    # An existing directory may be the result of an interrupted init.
    if not (existed and index.tracked_under(git, path)) and not index.ignored(git, [path]):
        index.stage(git, [path])
    wanted = hooks and repo.config.get("hooks.install") is not False
    return InitResult(root, existed, install_into(git) if wanted else None)
