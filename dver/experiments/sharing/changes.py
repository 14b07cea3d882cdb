"""Changes of experiments that exist: renaming, removing and restoring them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from dver.core.errors import ConflictError, MissingObjectError
from dver.core.phrasing import join_limited
from dver.experiments.journal import LOCAL, WRITER_DIGITS, Journal
from dver.experiments.leases import running
from dver.experiments.names import check_name
from dver.formats.experiment import Experiment, is_tombstone
from dver.git.git_repo import GitRepo, describe_objects
from dver.git.journal import journal_tips


def of_this_clone(git: GitRepo) -> Callable[[Experiment], bool]:
    """Whether this clone made an experiment, also before it was moved or copied to its present place."""
    writers = {ref.rpartition("/")[2] for ref in journal_tips(git, LOCAL)}
    return lambda one: one.id[-WRITER_DIGITS:] in writers


def rename(journal: Journal, experiment: Experiment, name: str) -> Experiment:
    """Rename an experiment. Raises UsageError for an impossible name, ConflictError if it exists."""
    check_name(name)
    if any(one.name == name and one.id != experiment.id for one in journal.all()):
        raise ConflictError(
            f"an experiment {name!r} already exists",
            why="two experiments with one name are hard to tell apart",
            fix="choose another name, or `dver exp list` lists them",
        )
    changed = journal.update([experiment.id], lambda old: replace(old, name=name) if old.name != name else None)
    return changed[0] if changed else experiment


def remove(journal: Journal, experiments: Collection[Experiment]) -> list[Experiment]:
    """Remove experiments, all of them or none, and return them. Raises ConflictError if one is running."""
    busy = running(journal.directory)
    for one in experiments:
        if (holder := busy.get(one.id)) is not None:
            raise ConflictError(
                f"experiment {one.name!r} is running",
                why=f"process {holder.pid} on {holder.host} runs it",
                fix="wait until it ends, or stop it with Ctrl-C in its terminal",
            )
    ids = [one.id for one in experiments]
    return journal.update(ids, lambda old: replace(old, removed=True) if not old.removed else None)


def restorable(git: GitRepo, journal: Journal) -> list[Experiment]:
    """The removed experiments whose commits Git still has, by their time of creation."""
    removed = [one for one in journal.removed() if not is_tombstone(one)]
    kinds = describe_objects(git, [one.commit for one in removed], "%(objecttype)")
    return [one for one, kind in zip(removed, kinds, strict=True) if kind == "commit"]


def restore(git: GitRepo, journal: Journal, experiments: Sequence[Experiment]) -> list[Experiment]:
    """Restore removed experiments, all of them or none, and return them.

    Raises MissingObjectError if Git no longer has the commit of one.
    """
    there = {one.id for one in restorable(git, journal)}
    gone = [one.name for one in experiments if one.id not in there]
    if gone:
        raise MissingObjectError(
            f"cannot restore {join_limited(gone)}",
            why="a gc has deleted the commit since",
            fix="`dver exp list --removed` lists the experiments that can be restored",
        )
    ids = [one.id for one in experiments]
    return journal.update(ids, lambda old: replace(old, removed=False) if old.removed else None)
