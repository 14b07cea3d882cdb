"""The hook scripts of `dver install`: their state in a clone, the plan of changes, and its execution.

Hooks that existed before stay beside dver's as `NAME.before-dver` and run first. dver leaves hooks to the pre-commit
framework where the framework runs dver. If `core.hooksPath` names a directory of the user's, its scripts have to run
dver.
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
"""The suffix that the pre-commit framework gives to an existing hook. The framework runs that hook, too."""
_BESIDE_HUSKY: Final = ("post-index-change",)
"""Hooks that husky 9 does not know. dver may write them into husky's directory, which is not in Git."""


class HookState(Enum):
    """The state of one hook."""

    ABSENT = "absent"
    OURS = "in place"
    CHANGED = "changed"
    """A hook of dver's that is of another version, edited, or not executable."""
    FOREIGN = "another program's"


class HookAction(Enum):
    """A change of one hook."""

    WRITE = "write"
    KEEP_AND_WRITE = "keep the existing hook, and write"
    REMOVE = "remove"
    BRING_BACK = "restore the kept hook"
    REMOVE_MOVED = "remove the hook that the pre-commit framework renamed"


class HookStep(NamedTuple):
    """A planned change of the hook `name`."""

    name: str
    action: HookAction


@dataclass(frozen=True, slots=True)
class InstalledHooks:
    """The hooks of a clone, and the programs that run them."""

    folder: Path
    """The directory in which Git looks for hooks."""
    elsewhere: bool
    """Whether `core.hooksPath` leads out of the Git directory. Such hooks belong to the project or to all of the user's
    repositories, and stay as they are."""
    scripts: Path
    """The directory in which the user writes hooks. It differs from `folder` with husky 9."""
    hooks: Mapping[str, HookState]
    kept: frozenset[str] = frozenset()
    """Hooks that existed before dver's and are kept beside them."""
    called: frozenset[str] = frozenset()
    """Hooks of other programs that run dver."""
    named: frozenset[str] = frozenset()
    """Hooks in which the pre-commit framework is configured to run dver."""
    framework: frozenset[str] = frozenset()
    """The hooks among `configured_hooks` that the framework has installed."""
    doubled: frozenset[str] = frozenset()
    """Hooks of dver's that the framework renamed and runs."""

    @property
    def placed(self) -> tuple[str, ...]:
        """The hooks that dver installs itself."""
        if self.elsewhere:
            return _BESIDE_HUSKY if self.scripts != self.folder else ()
        return tuple(name for name in HOOKS if name not in self.framework)

    @property
    def by_hand(self) -> tuple[str, ...]:
        """The hooks into which the user has to write a call of dver."""
        done = {*self.placed, *self.called, *self.framework}
        return tuple(name for name in HOOKS if name not in done)

    def runs(self, name: str) -> bool:
        """Whether Git runs dver's hook `name`, by itself or through another program."""
        return self.hooks[name] is HookState.OURS or name in self.called or name in self.framework

    @property
    def pending(self) -> tuple[str, ...]:
        """The hooks that dver installs until the framework runs them as configured."""
        return tuple(name for name in self.placed if name in self.named)


def installed_hooks(git: GitRepo) -> InstalledHooks:
    """The hooks of a clone as they are now. Raises RepositoryError, OSError."""
    folder = config.hooks_dir(git)
    elsewhere = Path(os.path.realpath(folder)) != Path(os.path.realpath(git.common_dir / "hooks"))
    scripts = folder.parent if elsewhere and (folder / "h").exists() and folder.name == "_" else folder
    named = precommit_framework.configured_hooks(git.worktree).intersection(HOOKS)
    return InstalledHooks(
        folder,
        elsewhere,
        scripts,
        {name: _state(folder / name, _read(folder / name)) for name in HOOKS},
        frozenset(name for name in HOOKS if (folder / (name + _KEPT)).exists()),
        frozenset(name for name in HOOKS if _calls_dver(scripts / name, must_be_executable=scripts == folder)),
        named,
        frozenset(
            name
            for name in named
            if any(map(precommit_framework.is_framework_script, map(_read, _places(folder, name))))
        ),
        frozenset(name for name in HOOKS if _MARK in (_read(folder / (name + _LEGACY)) or b"")),
    )


def _places(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / name, folder / (name + _KEPT)


def hook_line(name: str) -> str:
    """The line that a hook of the user's needs to run dver."""
    line = f'dver hook {name} "$@"'
    # Git runs this hook often, and mostly without a change of files.
    return f'[ "$1" != 1 ] || {line}' if name == "post-index-change" else line


def plan_install(setup: InstalledHooks) -> list[HookStep]:
    """The changes that install all hooks; none in a directory that is not this clone's.

    Raises ConflictError if an existing hook must be kept and one of that name is kept already.
    """
    steps = {
        HookState.ABSENT: HookAction.WRITE,
        HookState.CHANGED: HookAction.WRITE,
        HookState.FOREIGN: HookAction.KEEP_AND_WRITE,
    }
    planned = [HookStep(name, steps[setup.hooks[name]]) for name in setup.placed if setup.hooks[name] in steps]
    for name, action in planned:
        if action is HookAction.KEEP_AND_WRITE and name in setup.kept:
            raise ConflictError(
                f"another program replaced dver's hook {name}, and {name + _KEPT} already exists",
                why=f"only one of them can run before dver's, in {setup.folder}",
                fix="delete the one that is not needed, or merge both into one; then run `dver install`",
            )
    return [*_removals(setup, sorted(setup.framework)), *planned]


def plan_uninstall(setup: InstalledHooks) -> list[HookStep]:
    """The changes that restore the hooks from before.

    If another program replaced dver's hook, its hook and the one from before stay.
    """
    names = HOOKS if not setup.elsewhere else setup.placed
    gone = [name for name in names if setup.hooks[name] is HookState.ABSENT and name in setup.kept]
    return [*_removals(setup, names), *(HookStep(name, HookAction.BRING_BACK) for name in gone)]


def _removals(setup: InstalledHooks, names: Iterable[str]) -> list[HookStep]:
    ours = [name for name in names if setup.hooks[name] in (HookState.OURS, HookState.CHANGED)]
    moved = [name for name in HOOKS if name in setup.doubled]
    return [
        *(HookStep(name, HookAction.REMOVE_MOVED) for name in moved),
        *(HookStep(name, HookAction.BRING_BACK if name in setup.kept else HookAction.REMOVE) for name in ours),
    ]


def apply_steps(steps: Iterable[HookStep], folder: Path) -> None:
    """Execute the plan in the hooks directory. Edited hooks are renamed, not overwritten. Raises OSError."""
    for name, action in steps:
        path, kept = folder / name, folder / (name + _KEPT)
        folder.mkdir(parents=True, exist_ok=True)
        if action is HookAction.REMOVE_MOVED:
            _restore_renamed(folder, name)
            continue
        if action is HookAction.KEEP_AND_WRITE:
            os.replace(path, kept)
        elif _read(path) not in (None, hook_script(name)):
            os.replace(path, _unused_path(folder, name + _EDITED))
        if action is HookAction.REMOVE:
            path.unlink(missing_ok=True)
        elif action is HookAction.BRING_BACK:
            os.replace(kept, path)
        else:
            write_atomic(path, hook_script(name), durable=False)
            path.chmod(0o755)


def _restore_renamed(folder: Path, name: str) -> None:
    """Restore the hook that the framework ran before it found dver's, if there was one."""
    kept, moved = folder / (name + _KEPT), folder / (name + _LEGACY)
    if kept.exists() and precommit_framework.is_framework_script(_read(folder / name)):
        os.replace(kept, moved)
    else:
        moved.unlink(missing_ok=True)


def hook_script(name: str) -> bytes:
    """The script of the hook `name`, from the installed package or from the source tree."""
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
    return HookState.OURS if content == hook_script(path.name) and os.access(path, os.X_OK) else HookState.CHANGED


def _calls_dver(path: Path, *, must_be_executable: bool) -> bool:
    text = _read(path) or b""
    lines = [line for line in text.splitlines() if f"dver hook {path.name}".encode() in line]
    runs = any(not line.lstrip().startswith(b"#") for line in lines)
    return runs and (os.access(path, os.X_OK) or not must_be_executable)


def _unused_path(folder: Path, name: str) -> Path:
    """An unused path in `folder`: `name`, or `name` with a number."""
    names = (name, *(f"{name}.{number}" for number in range(2, 1000)))
    return next(path for path in (folder / one for one in names) if not os.path.lexists(path))


def _read(path: Path) -> bytes | None:
    with suppress(FileNotFoundError, IsADirectoryError):
        return path.read_bytes()
    return None
