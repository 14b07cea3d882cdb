"""The hooks that `dver install` puts in place. What is to be done is planned first.

Hooks that were there before are kept beside dver's as `NAME.before-dver`, and run first. What the pre-commit framework
runs for dver is left to it; where `core.hooksPath` names a folder of the user's, all is left to its scripts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.errors import ConflictError
from dver.core.files import write_atomic
from dver.git import config
from dver.git.git_repo import GitRepo
from dver.gitflow.hooks import precommit_framework

HOOKS: Final = (
    "pre-commit",
    "post-checkout",
    "post-merge",
    "post-rewrite",
    "post-index-change",
    "post-applypatch",
    "pre-push",
)
_MARK: Final = b"# Put here by `dver install`"
_KEPT: Final = ".before-dver"
_EDITED: Final = ".edited"
_LEGACY: Final = ".legacy"
"""Where the pre-commit framework moves a hook that is there before it; it runs it, too."""
_BESIDE_HUSKY: Final = ("post-index-change",)
"""Hooks that husky 9 does not know: so they can be put into its folder, which is not in Git."""


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
    REMOVE_MOVED = "remove the one that the pre-commit framework has moved aside"


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
    scripts: Path
    """Where the user writes hooks: husky 9 has a folder of its own make Git run them."""
    hooks: Mapping[str, HookState]
    kept: frozenset[str] = frozenset()
    """Hooks that were there before and are kept."""
    called: frozenset[str] = frozenset()
    """Hooks of others that run dver themselves."""
    named: frozenset[str] = frozenset()
    """Hooks that the pre-commit framework is to run for dver, by its configuration."""
    framework: frozenset[str] = frozenset()
    """Those of them that it does run."""
    doubled: frozenset[str] = frozenset()
    """Hooks of dver's that the framework has moved aside, and runs."""

    @property
    def placed(self) -> tuple[str, ...]:
        """The hooks that dver puts in place itself."""
        if self.elsewhere:
            return _BESIDE_HUSKY if self.scripts != self.folder else ()
        return tuple(name for name in HOOKS if name not in self.framework)

    @property
    def by_hand(self) -> tuple[str, ...]:
        """The hooks that the user has yet to have call dver."""
        done = {*self.placed, *self.called, *self.framework}
        return tuple(name for name in HOOKS if name not in done)

    @property
    def pending(self) -> tuple[str, ...]:
        """The hooks that dver puts in place until the framework runs them, as it is to."""
        return tuple(name for name in self.placed if name in self.named)


def look(git: GitRepo) -> Setup:
    """What there is now. Raises RepositoryError, OSError."""
    folder = config.hooks_folder(git)
    elsewhere = Path(os.path.realpath(folder)) != Path(os.path.realpath(git.common_dir / "hooks"))
    scripts = folder.parent if elsewhere and (folder / "h").exists() and folder.name == "_" else folder
    named = precommit_framework.named(git.worktree).intersection(HOOKS)
    return Setup(
        folder,
        elsewhere,
        scripts,
        {name: _state(folder / name, _read(folder / name)) for name in HOOKS},
        frozenset(name for name in HOOKS if (folder / (name + _KEPT)).exists()),
        frozenset(name for name in HOOKS if _calls_dver(scripts / name, must_be_executable=scripts == folder)),
        named,
        frozenset(name for name in named if any(map(precommit_framework.is_script, map(_read, _places(folder, name))))),
        frozenset(name for name in HOOKS if _MARK in (_read(folder / (name + _LEGACY)) or b"")),
    )


def _places(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / name, folder / (name + _KEPT)


def line_for(name: str) -> str:
    """What a hook of the user's has to run."""
    line = f'dver hook {name} "$@"'
    # Git runs this one whenever it looks at files, and mostly nothing has changed.
    return f'[ "$1" != 1 ] || {line}' if name == "post-index-change" else line


def plan_install(setup: Setup) -> list[Step]:
    """What is to be done so that all hooks are there. Nothing where the folder is not this clone's.

    Raises ConflictError where a hook would have to be kept, and one of that name is kept already.
    """
    steps = {HookState.ABSENT: Action.WRITE, HookState.CHANGED: Action.WRITE, HookState.FOREIGN: Action.KEEP_AND_WRITE}
    planned = [Step(name, steps[setup.hooks[name]]) for name in setup.placed if setup.hooks[name] in steps]
    for name, action in planned:
        if action is Action.KEEP_AND_WRITE and name in setup.kept:
            raise ConflictError(
                f"another program has replaced dver's hook {name}, and {name + _KEPT} is there from before",
                why=f"only one of them can run before dver's, in {setup.folder}",
                fix="delete the one that is not needed, or put both into one; then `dver install`",
            )
    return [*_taking_away(setup, sorted(setup.framework)), *planned]


def plan_uninstall(setup: Setup) -> list[Step]:
    """What is to be done so that all is as it was before. A hook that another program has put in the place of dver's
    stays, and so does the one from before."""
    names = HOOKS if not setup.elsewhere else setup.placed
    gone = [name for name in names if setup.hooks[name] is HookState.ABSENT and name in setup.kept]
    return [*_taking_away(setup, names), *(Step(name, Action.BRING_BACK) for name in gone)]


def _taking_away(setup: Setup, names: Iterable[str]) -> list[Step]:
    ours = [name for name in names if setup.hooks[name] in (HookState.OURS, HookState.CHANGED)]
    moved = [name for name in HOOKS if name in setup.doubled]
    return [
        *(Step(name, Action.REMOVE_MOVED) for name in moved),
        *(Step(name, Action.BRING_BACK if name in setup.kept else Action.REMOVE) for name in ours),
    ]


def carry_out(steps: Iterable[Step], folder: Path) -> None:
    """Do all `steps` in the folder of hooks. What somebody has edited is set aside. Raises OSError."""
    for name, action in steps:
        path, kept = folder / name, folder / (name + _KEPT)
        folder.mkdir(parents=True, exist_ok=True)
        if action is Action.REMOVE_MOVED:
            _unmove(folder, name)
            continue
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


def _unmove(folder: Path, name: str) -> None:
    """Have the framework run, in place of dver's hook, the one that was there before that, if any."""
    kept, moved = folder / (name + _KEPT), folder / (name + _LEGACY)
    if kept.exists() and precommit_framework.is_script(_read(folder / name)):
        os.replace(kept, moved)
    else:
        moved.unlink(missing_ok=True)


def script(name: str) -> bytes:
    """The script of the hook called `name`: in the package where it is installed, beside it where it is developed."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "hooks", package.parent / "hooks"):
        with suppress(FileNotFoundError):
            return (folder / name).read_bytes()
    raise FileNotFoundError(f"the hook script {name!r} is missing from this installation")


def _state(path: Path, content: bytes | None) -> HookState:
    if content is None:
        return HookState.FOREIGN if os.path.lexists(path) else HookState.ABSENT
    if _MARK not in content:
        return HookState.FOREIGN
    return HookState.OURS if content == script(path.name) and os.access(path, os.X_OK) else HookState.CHANGED


def _calls_dver(path: Path, *, must_be_executable: bool) -> bool:
    text = _read(path) or b""
    lines = [line for line in text.splitlines() if f"dver hook {path.name}".encode() in line]
    runs = any(not line.lstrip().startswith(b"#") for line in lines)
    return runs and (os.access(path, os.X_OK) or not must_be_executable)


def _free(folder: Path, name: str) -> Path:
    """A path in `folder` where nothing is yet: that of `name`, or of that with a number."""
    names = (name, *(f"{name}.{number}" for number in range(2, 1000)))
    return next(path for path in (folder / one for one in names) if not os.path.lexists(path))


def _read(path: Path) -> bytes | None:
    with suppress(FileNotFoundError, IsADirectoryError):
        return path.read_bytes()
    return None
