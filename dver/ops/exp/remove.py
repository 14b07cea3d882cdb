"""`dver exp remove`: remove experiments, and restore removed ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dver.core.errors import UsageError
from dver.experiments.journal import Journal
from dver.experiments.leases import running
from dver.experiments.run import record_killed
from dver.experiments.selection import find_experiments
from dver.experiments.sharing.changes import of_this_clone, remove, restore
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.repo import Repository


def exp_remove(
    repo: Repository,
    names: Sequence[str] = (),
    *,
    statuses: Collection[ExperimentStatus] = (),
    everything: bool = False,
) -> tuple[Experiment, ...]:
    """Remove the experiments `names`, and those of this clone with one of the `statuses`, or all of them.

    Running ones are kept, unless they are named. Returns the removed ones. Raises UsageError for an unknown name, and
    without any selection; ConflictError for the name of a running one.
    """
    if not (names or statuses or everything):
        raise UsageError("no experiment was named", fix="name some, or use --failed, --stopped, --queued or --all")
    with Journal(repo) as journal:
        record_killed(journal)
        found = journal.all()
        chosen = {one.id: one for one in find_experiments(found, names, is_own=journal.is_own)}
        if statuses or everything:
            is_own, busy = of_this_clone(repo.git), running(journal.directory)
            chosen |= {
                one.id: one
                for one in found
                if is_own(one) and one.id not in busy and (everything or one.status in statuses)
            }
        return tuple(remove(journal, chosen.values()))


def exp_restore(repo: Repository, names: Sequence[str]) -> tuple[Experiment, ...]:
    """Restore the removed experiments `names`, and return them.

    Raises UsageError for an unknown name, MissingObjectError for an experiment whose commit a gc has deleted.
    """
    with Journal(repo) as journal:
        chosen = find_experiments(journal.removed(), names, is_own=journal.is_own)
        return tuple(restore(repo.git, journal, chosen))
