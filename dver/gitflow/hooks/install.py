"""Setting a clone up so that Git runs dver: the step that `install` and `init` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import LocalIOError
from dver.core.files import clear_leftovers, explain
from dver.git.git_repo import GitRepo
from dver.gitflow.hooks import drivers, hook_scripts
from dver.gitflow.hooks.hook_scripts import Action, Step


@dataclass(frozen=True, slots=True)
class InstallResult:
    """What was done; nothing if all was in place."""

    folder: Path
    """Where Git looks for hooks."""
    written: tuple[str, ...] = ()
    """Hooks that were put there."""
    kept: tuple[str, ...] = ()
    """Hooks of others that were there, and that run first from now on."""
    removed: tuple[str, ...] = ()
    """Hooks of dver's that were taken away: the pre-commit framework runs them, or the user wants none."""
    framework: tuple[str, ...] = ()
    """Hooks that the framework runs for dver."""
    pending: tuple[str, ...] = ()
    """Hooks that it is to run by its configuration, and does not yet."""
    by_hand: tuple[str, ...] = ()
    """Hooks that the user has to have call dver, since `core.hooksPath` names a folder that is not this clone's own."""
    scripts: Path | None = None
    """Where such hooks are written."""
    settings: tuple[str, ...] = ()
    attributes: tuple[Path, ...] = ()
    """Files that were changed and staged."""


def install_into(git: GitRepo, *, hooks: bool = True) -> InstallResult:
    """Put hooks, drivers and attributes in place; without `hooks`, these are taken away. Doing it again is harmless.

    Raises LocalIOError, ConflictError.
    """
    try:
        setup = hook_scripts.look(git)
        clear_leftovers(setup.folder)
        steps = hook_scripts.plan_install(setup) if hooks else hook_scripts.plan_uninstall(setup)
        hook_scripts.carry_out(steps, setup.folder)
        attributes = drivers.set_attributes(git)
    except OSError as error:
        raise _cannot(error) from error
    settings = drivers.set_drivers(git)
    drivers.want_hooks(git, wanted=hooks)
    return InstallResult(
        setup.folder,
        _names(steps, Action.WRITE, Action.KEEP_AND_WRITE),
        _names(steps, Action.KEEP_AND_WRITE),
        _names(steps, Action.REMOVE, Action.BRING_BACK, Action.REMOVE_MOVED),
        tuple(sorted(setup.framework)) if hooks else (),
        setup.pending if hooks else (),
        setup.by_hand if hooks else (),
        setup.scripts,
        tuple(settings),
        tuple(attributes),
    )


def _names(steps: Sequence[Step], *actions: Action) -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.name for step in steps if step.action in actions))


@dataclass(frozen=True, slots=True)
class UninstallResult:
    """What was taken away."""

    folder: Path
    steps: tuple[Step, ...] = ()
    by_hand: tuple[str, ...] = ()
    """Hooks of others that call dver."""
    attributes: tuple[Path, ...] = ()
    """Files that were changed, and not staged."""


def uninstall_from(git: GitRepo) -> UninstallResult:
    """Take all that away again, and bring back the hooks that were there before. Raises LocalIOError."""
    try:
        setup = hook_scripts.look(git)
        steps = hook_scripts.plan_uninstall(setup)
        hook_scripts.carry_out(steps, setup.folder)
        attributes = drivers.drop_attributes(git)
    except OSError as error:
        raise _cannot(error) from error
    drivers.drop_drivers(git)
    by_hand = sorted(setup.called) if setup.elsewhere else []
    return UninstallResult(setup.folder, tuple(steps), tuple(by_hand), tuple(attributes))


def _cannot(error: OSError) -> LocalIOError:
    reason = explain(error)
    return LocalIOError("cannot change Git's hooks", why=f"{reason.what}: {reason.why}", fix=reason.fix)
