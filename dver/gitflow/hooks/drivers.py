"""The settings and attributes by which Git calls dver to merge and to compare pointers."""

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
from dver.project.git_projects import projects_of

_ATTRIBUTES: Final = (b"*.dver merge=dver diff=dver", b"dver.lock merge=dver")
_IGNORE_FILE: Final = b".gitignore merge=dver"
"""So that two branches which each tracked data beside each other merge; unless the user merges it otherwise."""
_SETTINGS: Final = (
    "dver.program",
    "merge.dver.name",
    "merge.dver.driver",
    "diff.dver.command",
    "diff.dver.textconv",
)
_NO_HOOKS: Final = "dver.hooks"
_ATTRIBUTES_FILE: Final = ".gitattributes"


def drivers() -> dict[str, str]:
    """The settings by which Git calls dver to merge and to compare, and by which hooks find it."""
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
    """The path of the program `dver` that belongs to this interpreter, or else of the first on the PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), "dver")
    return beside if os.access(beside, os.X_OK) else shutil.which("dver")


def lacking_settings(git: GitRepo) -> list[str]:
    """The settings that are not as `drivers` has them."""
    return list(_lacking(git))


def set_drivers(git: GitRepo) -> list[str]:
    """Write the settings that are not as they should be; returns their names."""
    lacking = _lacking(git)
    for key, value in lacking.items():
        config.write(git, key, value)
    return list(lacking)


def _lacking(git: GitRepo) -> dict[str, str]:
    return {key: value for key, value in drivers().items() if config.read_local(git, key) != value}


def wants_hooks(git: GitRepo) -> bool:
    """Is dver to put hooks in place in this clone? Not where the user runs them by other means."""
    return config.read_local(git, _NO_HOOKS) != "false"


def want_hooks(git: GitRepo, *, wanted: bool) -> None:
    """Remember whether dver is to put hooks in place."""
    if wanted != wants_hooks(git):
        config.unset(git, _NO_HOOKS) if wanted else config.write(git, _NO_HOOKS, "false")


def drop_drivers(git: GitRepo) -> None:
    """Take all these settings away."""
    for key in (*_SETTINGS, _NO_HOOKS):
        config.unset(git, key)


def set_attributes(git: GitRepo) -> list[Path]:
    """Have the drivers named in `.gitattributes` of each project, staged for Git; returns the files that changed.

    Those that a sparse checkout leaves out stay as they are.
    """
    changed = []
    for root in projects_of(git):
        clear_leftovers(root)
        file = root / _ATTRIBUTES_FILE
        if not root.is_dir() or _left_out(git, file):
            continue
        wanted = _wanted(git, root)
        # An install that was killed may have written the lines, and not staged them.
        if edit(file, add=wanted) or not set(wanted) <= lines(index.content(git, _relative(git, file))):
            index.stage(git, [_relative(git, file)])
            changed.append(file)
    return changed


def drop_attributes(git: GitRepo) -> list[Path]:
    """Take these lines away; the change is left to the user to commit, as others may still use them."""
    files = [root / _ATTRIBUTES_FILE for root in projects_of(git)]
    return [file for file in files if edit(file, remove=(*_ATTRIBUTES, _IGNORE_FILE))]


def lacking_attributes(git: GitRepo, root: Path) -> bool:
    """Is a line missing from the `.gitattributes` of the project at `root`?"""
    file = root / _ATTRIBUTES_FILE
    content = b""
    if _left_out(git, file):
        content = index.content(git, _relative(git, file))
    elif file.exists():
        content = read_regular(file)
    return not set(_wanted(git, root)) <= lines(content)


def _left_out(git: GitRepo, file: Path) -> bool:
    return not file.exists() and index.left_out(git, _relative(git, file))


def _wanted(git: GitRepo, root: Path) -> tuple[bytes, ...]:
    merge = index.attribute(git, "merge", _relative(git, root / os.fsdecode(FILE)))
    return (*_ATTRIBUTES, _IGNORE_FILE) if merge in (b"unspecified", b"dver") else _ATTRIBUTES


def _relative(git: GitRepo, file: Path) -> bytes:
    return os.fsencode(file.relative_to(git.worktree))
