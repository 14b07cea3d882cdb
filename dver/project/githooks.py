"""What `dver install` sets up in a clone: hooks, drivers and attributes. What is to be done is planned first.

Hooks that were there before are kept beside dver's as `NAME.before-dver`, and run first.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.errors import ConflictError
from dver.core.fsutil import clear_leftovers, write_atomic
from dver.project.projects import projects_of
from dver.scm import gitconfig, index
from dver.scm.git import GitRepo
from dver.scm.gitignore import edit, lines

HOOKS: Final = (
    "pre-commit",
    "post-checkout",
    "post-merge",
    "post-rewrite",
    "post-index-change",
    "post-applypatch",
    "pre-push",
)
ATTRIBUTES: Final = (b"*.dver merge=dver diff=dver", b"dver.lock merge=dver")
_SETTINGS: Final = (
    "dver.program",
    "merge.dver.name",
    "merge.dver.driver",
    "diff.dver.command",
    "diff.dver.textconv",
)
_MARK: Final = b"# Put here by `dver install`"
_KEPT: Final = ".before-dver"
_EDITED: Final = ".edited"
_ATTRIBUTES_FILE: Final = ".gitattributes"


class HookState(Enum):
    """What is where a hook of dver's belongs."""

    ABSENT = "absent"
    OURS = "in place"
    CHANGED = "changed"
    """dver's, but of another version, edited, or not executable."""
    FOREIGN = "another program's"


class Action(Enum):
    """What is done to a hook."""

    WRITE = "write"
    KEEP_AND_WRITE = "keep the one that is there, and write"
    REMOVE = "remove"
    BRING_BACK = "bring back the one that was there before"


class Step(NamedTuple):
    """Something to be done to the hook called `name`."""

    name: str
    action: Action


@dataclass(frozen=True, slots=True)
class Setup:
    """How a clone is set up."""

    folder: Path
    """Where Git looks for hooks."""
    elsewhere: bool
    """Does `core.hooksPath` lead out of the Git directory? Then these hooks belong to the project, or to all of the
    user's repositories, and are left alone."""
    hooks: Mapping[str, HookState]
    kept: frozenset[str]
    """Hooks that were there before and are kept."""
    called: frozenset[str]
    """Hooks of others that run dver themselves."""


def look(git: GitRepo) -> Setup:
    """What there is now. Raises RepositoryError, OSError."""
    folder = gitconfig.hooks_folder(git)
    elsewhere = Path(os.path.realpath(folder)) != Path(os.path.realpath(git.common_dir / "hooks"))
    contents = {name: _read(folder / name) for name in HOOKS}
    return Setup(
        folder,
        elsewhere,
        {name: _state(folder / name, content) for name, content in contents.items()},
        frozenset(name for name in HOOKS if (folder / (name + _KEPT)).exists()),
        frozenset(name for name, text in contents.items() if text and f"dver hook {name}".encode() in text),
    )


def plan_install(setup: Setup) -> list[Step]:
    """What is to be done so that all hooks are there. Nothing where the folder is not this clone's.

    Raises ConflictError where a hook would have to be kept, and one of that name is kept already.
    """
    if setup.elsewhere:
        return []
    steps = {HookState.ABSENT: Action.WRITE, HookState.CHANGED: Action.WRITE, HookState.FOREIGN: Action.KEEP_AND_WRITE}
    planned = [Step(name, steps[state]) for name, state in setup.hooks.items() if state in steps]
    for name, action in planned:
        if action is Action.KEEP_AND_WRITE and name in setup.kept:
            raise ConflictError(
                f"another program has replaced dver's hook {name}, and {name + _KEPT} is there from before",
                why=f"only one of them can run before dver's, in {setup.folder}",
                fix="delete the one that is not needed, or put both into one; then `dver install`",
            )
    return planned


def plan_uninstall(setup: Setup) -> list[Step]:
    """What is to be done so that all is as it was before. A hook that another program has put in the place of dver's
    stays, and so does the one from before."""
    if setup.elsewhere:
        return []
    ours = {name for name, state in setup.hooks.items() if state in (HookState.OURS, HookState.CHANGED)}
    gone = {name for name, state in setup.hooks.items() if state is HookState.ABSENT} & setup.kept
    found = [name for name in HOOKS if name in ours | gone]
    return [Step(name, Action.BRING_BACK if name in setup.kept else Action.REMOVE) for name in found]


def carry_out(steps: Iterable[Step], folder: Path) -> None:
    """Do all `steps` in the folder of hooks. What somebody has edited is set aside. Raises OSError."""
    for name, action in steps:
        path, kept = folder / name, folder / (name + _KEPT)
        folder.mkdir(parents=True, exist_ok=True)
        if action is Action.KEEP_AND_WRITE:
            os.replace(path, kept)
        elif _read(path) not in (None, script(name)):
            os.replace(path, _free(folder, name + _EDITED))
        if action is Action.REMOVE:
            path.unlink(missing_ok=True)
        elif action is Action.BRING_BACK:
            os.replace(kept, path)
        else:
            write_atomic(path, script(name), durable=False)
            path.chmod(0o755)


def script(name: str) -> bytes:
    """The script of the hook called `name`: in the package where it is installed, beside it where it is developed."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "hooks", package.parent / "hooks"):
        with suppress(FileNotFoundError):
            return (folder / name).read_bytes()
    raise FileNotFoundError(f"the hook script {name!r} is missing from this installation")


# -- drivers and attributes


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
        gitconfig.write(git, key, value)
    return list(lacking)


def _lacking(git: GitRepo) -> dict[str, str]:
    return {key: value for key, value in drivers().items() if gitconfig.read_local(git, key) != value}


def drop_drivers(git: GitRepo) -> None:
    """Take all these settings away."""
    for key in _SETTINGS:
        gitconfig.unset(git, key)


def set_attributes(git: GitRepo) -> list[Path]:
    """Have the drivers named in `.gitattributes` of each project, staged for Git; returns the files that changed."""
    changed = []
    for root in projects_of(git):
        clear_leftovers(root)
        file = root / _ATTRIBUTES_FILE
        # An install that was killed may have written the lines, and not staged them.
        if edit(file, add=ATTRIBUTES) or _lacks_attributes(index.content(git, _relative(git, file))):
            index.stage(git, [_relative(git, file)])
            changed.append(file)
    return changed


def drop_attributes(git: GitRepo) -> list[Path]:
    """Take these lines away; the change is left to the user to commit, as others may still use them."""
    files = [root / _ATTRIBUTES_FILE for root in projects_of(git)]
    return [file for file in files if edit(file, remove=ATTRIBUTES)]


def lacking_attributes(root: Path) -> bool:
    """Is a line missing from the `.gitattributes` of the project at `root`?"""
    return _lacks_attributes(_read(root / _ATTRIBUTES_FILE) or b"")


def _lacks_attributes(content: bytes) -> bool:
    return not set(ATTRIBUTES) <= lines(content)


def _relative(git: GitRepo, file: Path) -> bytes:
    return os.fsencode(file.relative_to(git.worktree))


def _state(path: Path, content: bytes | None) -> HookState:
    if content is None:
        return HookState.FOREIGN if os.path.lexists(path) else HookState.ABSENT
    if _MARK not in content:
        return HookState.FOREIGN
    return HookState.OURS if content == script(path.name) and os.access(path, os.X_OK) else HookState.CHANGED


def _free(folder: Path, name: str) -> Path:
    """A path in `folder` where nothing is yet: that of `name`, or of that with a number."""
    names = (name, *(f"{name}.{number}" for number in range(2, 1000)))
    return next(path for path in (folder / one for one in names) if not os.path.lexists(path))


def _read(path: Path) -> bytes | None:
    with suppress(FileNotFoundError, IsADirectoryError):
        return path.read_bytes()
    return None
