"""Installation of hooks, drivers and attributes: the step that `install` and `init` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.errors import LocalIOError
from dver.core.files import clear_leftovers, explain
from dver.git.git_repo import GitRepo
from dver.gitflow.hooks import drivers, hook_scripts
from dver.gitflow.hooks.hook_scripts import HookAction, HookStep


@dataclass(frozen=True, slots=True, repr=False)
class InstallResult(Displayed):
    """The changes of an install; empty if everything was in place."""

    folder: Path
    """The directory in which Git looks for hooks."""
    written: tuple[str, ...] = ()
    """Installed hooks."""
    kept: tuple[str, ...] = ()
    """Existing hooks, which now run before dver's."""
    removed: tuple[str, ...] = ()
    """Removed hooks of dver's: the pre-commit framework runs them, or the user wants none."""
    framework: tuple[str, ...] = ()
    """Hooks that the framework runs for dver."""
    pending: tuple[str, ...] = ()
    """Hooks that the framework is configured to run, and does not run yet."""
    by_hand: tuple[str, ...] = ()
    """Hooks that the user has to write, because `core.hooksPath` names a directory outside of this clone."""
    scripts: Path | None = None
    """The directory for hooks that the user writes."""
    settings: tuple[str, ...] = ()
    attributes: tuple[Path, ...] = ()
    """Changed and staged files."""


def install_into(git: GitRepo, *, hooks: bool = True) -> InstallResult:
    """Install hooks, drivers and attributes; with `hooks=False` dver's hooks are removed. Idempotent.

    Raises LocalIOError, ConflictError.
    """
    try:
        setup = hook_scripts.installed_hooks(git)
        clear_leftovers(setup.folder)
        steps = hook_scripts.plan_install(setup) if hooks else hook_scripts.plan_uninstall(setup)
        hook_scripts.apply_steps(steps, setup.folder)
        attributes = drivers.set_attributes(git)
    except OSError as error:
        raise _cannot(error) from error
    settings = drivers.set_drivers(git)
    drivers.record_hooks_wanted(git, wanted=hooks)
    return InstallResult(
        setup.folder,
        _names(steps, HookAction.WRITE, HookAction.KEEP_AND_WRITE),
        _names(steps, HookAction.KEEP_AND_WRITE),
        _names(steps, HookAction.REMOVE, HookAction.BRING_BACK, HookAction.REMOVE_MOVED),
        tuple(sorted(setup.framework)) if hooks else (),
        setup.pending if hooks else (),
        setup.by_hand if hooks else (),
        setup.scripts,
        tuple(settings),
        tuple(attributes),
    )


def _names(steps: Sequence[HookStep], *actions: HookAction) -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.name for step in steps if step.action in actions))


@dataclass(frozen=True, slots=True, repr=False)
class UninstallResult(Displayed):
    """The result of an uninstall."""

    folder: Path
    steps: tuple[HookStep, ...] = ()
    by_hand: tuple[str, ...] = ()
    """Hooks of other programs that run dver."""
    attributes: tuple[Path, ...] = ()
    """Changed files, not staged."""


def uninstall_from(git: GitRepo) -> UninstallResult:
    """Remove hooks, drivers and attributes and restore the hooks from before. Raises LocalIOError."""
    try:
        setup = hook_scripts.installed_hooks(git)
        steps = hook_scripts.plan_uninstall(setup)
        hook_scripts.apply_steps(steps, setup.folder)
        attributes = drivers.remove_attributes(git)
    except OSError as error:
        raise _cannot(error) from error
    drivers.remove_drivers(git)
    by_hand = sorted(setup.called) if setup.elsewhere else []
    return UninstallResult(setup.folder, tuple(steps), tuple(by_hand), tuple(attributes))


def _cannot(error: OSError) -> LocalIOError:
    reason = explain(error)
    return LocalIOError("cannot change Git's hooks", why=f"{reason.what}: {reason.why}", fix=reason.fix)
