"""Git settings and attributes through which Git runs dver's merge and diff drivers."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from dver.core.files import clear_leftovers, read_regular
from dver.git import config, index
from dver.git.git_repo import GitRepo
from dver.git.gitignore import FILE, edit, lines
from dver.project.git_projects import project_roots

_ATTRIBUTES: Final = (b"*.dver merge=dver diff=dver", b"dver.lock merge=dver")
_IGNORE_FILE: Final = b".gitignore merge=dver"
"""Lets branches merge that each tracked data in the same directory. A merge attribute of the user's own wins."""
_SETTINGS: Final = (
    "dver.program",
    "merge.dver.name",
    "merge.dver.driver",
    "diff.dver.command",
    "diff.dver.textconv",
)
_NO_HOOKS: Final = "dver.hooks"
_ATTRIBUTES_FILE: Final = ".gitattributes"


def driver_settings() -> dict[str, str]:
    """The Git settings of dver's drivers, and the program that hooks run."""
    program = own_program()
    command = "dver" if program is None else shlex.quote(program)
    found = {
        "merge.dver.name": "dver: file by file",
        "merge.dver.driver": f"{command} merge-driver %O %A %B %L %P",
        "diff.dver.command": f"{command} diff-driver",
        "diff.dver.textconv": f"{command} textconv",
    }
    return found if program is None else {"dver.program": program, **found}


def own_program() -> str | None:
    """The path of the `dver` program beside this Python interpreter, or else of the first on the PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), "dver")
    return beside if os.access(beside, os.X_OK) else shutil.which("dver")


def missing_settings(git: GitRepo) -> dict[str, str]:
    """The settings of `driver_settings` that this clone does not have, or has with another value."""
    return {key: value for key, value in driver_settings().items() if config.read_local(git, key) != value}


def set_drivers(git: GitRepo) -> list[str]:
    """Write missing and changed settings; returns their names."""
    missing = missing_settings(git)
    for key, value in missing.items():
        config.write(git, key, value)
    return list(missing)


def hooks_wanted(git: GitRepo) -> bool:
    """Whether dver installs hooks in this clone. `dver install --no-hooks` turns it off."""
    return config.read_local(git, _NO_HOOKS) != "false"


def record_hooks_wanted(git: GitRepo, *, wanted: bool) -> None:
    """Record whether dver installs hooks in this clone."""
    if wanted != hooks_wanted(git):
        config.unset(git, _NO_HOOKS) if wanted else config.write(git, _NO_HOOKS, "false")


def remove_drivers(git: GitRepo) -> None:
    """Remove all settings of the drivers."""
    for key in (*_SETTINGS, _NO_HOOKS):
        config.unset(git, key)


def set_attributes(git: GitRepo) -> list[Path]:
    """Add the drivers to the `.gitattributes` of each project and stage it; returns the changed files.

    Files outside of a sparse checkout stay as they are.
    """
    changed = []
    for root in project_roots(git):
        clear_leftovers(root)
        file = root / _ATTRIBUTES_FILE
        if not root.is_dir() or _left_out(git, file):
            continue
        wanted = _wanted(git, root)
        # An install that was killed may have written the lines, and not staged them.
        if edit(file, add=wanted) or not set(wanted) <= lines(index.staged_content(git, _relative(git, file))):
            index.stage(git, [_relative(git, file)])
            changed.append(file)
    return changed


def remove_attributes(git: GitRepo) -> list[Path]:
    """Remove the drivers from `.gitattributes`. The change is not staged: other clones may still need it."""
    files = [root / _ATTRIBUTES_FILE for root in project_roots(git)]
    return [file for file in files if edit(file, remove=(*_ATTRIBUTES, _IGNORE_FILE))]


def attributes_missing(git: GitRepo, root: Path) -> bool:
    """Whether the `.gitattributes` of the project at `root` lacks a line."""
    file = root / _ATTRIBUTES_FILE
    content = b""
    if _left_out(git, file):
        content = index.staged_content(git, _relative(git, file))
    elif file.exists():
        content = read_regular(file)
    return not set(_wanted(git, root)) <= lines(content)


def _left_out(git: GitRepo, file: Path) -> bool:
    return not file.exists() and index.is_left_out(git, _relative(git, file))


def _wanted(git: GitRepo, root: Path) -> tuple[bytes, ...]:
    merge = index.attribute(git, "merge", _relative(git, root / os.fsdecode(FILE)))
    return (*_ATTRIBUTES, _IGNORE_FILE) if merge in (b"unspecified", b"dver") else _ATTRIBUTES


def _relative(git: GitRepo, file: Path) -> bytes:
    return os.fsencode(file.relative_to(git.worktree))
