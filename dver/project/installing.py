"""Setting a clone up so that Git runs dver: the step that `install` and `init` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import LocalIOError
from dver.core.fsutil import clear_leftovers, explain
from dver.project import githooks
from dver.project.githooks import Action, Step
from dver.scm.git import GitRepo


@dataclass(frozen=True, slots=True)
class InstallResult:
    """What was done; nothing if all was in place."""

    folder: Path
    """Where Git looks for hooks."""
    written: tuple[str, ...] = ()
    """Hooks that were put there."""
    kept: tuple[str, ...] = ()
    """Hooks of others that were there, and that run first from now on."""
    by_hand: tuple[str, ...] = ()
    """Hooks that the user has to have call dver, since `core.hooksPath` names a folder that is not this clone's own."""
    settings: tuple[str, ...] = ()
    attributes: tuple[Path, ...] = ()
    """Files that were changed and staged."""


def install_into(git: GitRepo) -> InstallResult:
    """Put hooks, drivers and attributes in place. Doing it again is harmless. Raises LocalIOError, ConflictError."""
    try:
        setup = githooks.look(git)
        clear_leftovers(setup.folder)
        steps = githooks.plan_install(setup)
        githooks.carry_out(steps, setup.folder)
        attributes = githooks.set_attributes(git)
    except OSError as error:
        raise _cannot(error) from error
    settings = githooks.set_drivers(git)
    return InstallResult(
        setup.folder,
        tuple(step.name for step in steps),
        tuple(step.name for step in steps if step.action is Action.KEEP_AND_WRITE),
        tuple(name for name in githooks.HOOKS if name not in setup.called) if setup.elsewhere else (),
        tuple(settings),
        tuple(attributes),
    )


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
        setup = githooks.look(git)
        steps = githooks.plan_uninstall(setup)
        githooks.carry_out(steps, setup.folder)
        attributes = githooks.drop_attributes(git)
    except OSError as error:
        raise _cannot(error) from error
    githooks.drop_drivers(git)
    by_hand = sorted(setup.called) if setup.elsewhere else []
    return UninstallResult(setup.folder, tuple(steps), tuple(by_hand), tuple(attributes))


def _cannot(error: OSError) -> LocalIOError:
    reason = explain(error)
    return LocalIOError("cannot change Git's hooks", why=f"{reason.what}: {reason.why}", fix=reason.fix)
