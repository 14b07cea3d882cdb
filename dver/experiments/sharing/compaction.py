"""Compaction of journals: a new chain of entries without the commits of experiments that were removed long ago.

Of such an experiment a tombstone remains, because another clone may still have its record from before the removal.
"""

from __future__ import annotations

from collections.abc import Collection

from dver.experiments.sharing.journal_content import JournalContent, log_blobs, write_entries
from dver.formats.experiment import Experiment
from dver.git.git_repo import GitRepo
from dver.git.revisions import CommitId


def expired(content: JournalContent, removed: Collection[Experiment], *, before: int) -> frozenset[str]:
    """The ids of experiments whose commits a compaction of the journal `content` would drop.

    These are those of the `removed` experiments whose removal is from before the time `before`, in nanoseconds since
    the epoch, as far as the journal keeps their commits.
    """
    gone = {one.id for one in removed if one.removed and one.updated < before}
    needed = {one.commit for one in content.records.values() if one.id not in gone}
    droppable = content.kept - needed
    return frozenset(one.id for one in content.records.values() if one.id in gone and one.commit in droppable)


def tombstone(record: Experiment, removal: Experiment) -> Experiment:
    """What remains of `record`, whose experiment `removal` removed."""
    return Experiment(
        id=record.id,
        name=removal.name,
        status=removal.status,
        baseline=removal.baseline,
        commit=removal.commit,
        updated=removal.updated,
        removed=True,
    )


def is_tombstone(record: Experiment) -> bool:
    """Whether `record` is what remains of an experiment: all others say when it was created."""
    return record.removed and not record.created


def write_compacted(
    git: GitRepo, content: JournalContent, gone: Collection[str], removed: Collection[Experiment]
) -> CommitId:
    """Write the journal `content` anew, with tombstones for the experiments in `gone`, and return its last entry."""
    removals = {one.id: one for one in removed}
    records = [tombstone(one, removals[one.id]) if one.id in gone else one for one in content.records.values()]
    kept = {one.id for one in records if one.id not in gone and one.commit in content.kept}
    return write_entries(git, None, records, keeps=kept, logs=log_blobs(git, [content], kept))
