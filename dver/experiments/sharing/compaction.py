"""Compaction of journals: a new chain of entries without the commits of experiments that were removed long ago.

Of such an experiment a tombstone remains, because another clone may still have its record from before the removal.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from dver.experiments.entries import write_entries
from dver.experiments.journal import LOCAL, Journal
from dver.experiments.sharing.journal_content import JournalContent, log_blobs, read_journal
from dver.formats.experiment import Experiment, is_tombstone
from dver.git.git_repo import CommitId, GitRepo
from dver.git.journal import journal_tips, move_ref


def expired(content: JournalContent, removed: Collection[Experiment], *, before: int) -> frozenset[str]:
    """The ids of experiments whose commits a compaction of the journal `content` would drop.

    These are those of the `removed` experiments whose removal is from before the time `before`, in nanoseconds since
    the epoch, or of which only a tombstone is left elsewhere; as far as the journal keeps their commits.
    """
    gone = {one.id for one in removed if one.removed and (one.updated < before or is_tombstone(one))}
    needed = {commit for one in content.records.values() if one.id not in gone for commit in _commits(one)}
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


def write_compacted(
    git: GitRepo, content: JournalContent, gone: Collection[str], removed: Collection[Experiment]
) -> CommitId:
    """Rewrite the journal `content` with tombstones for the experiments in `gone`, and return its last entry."""
    removals = {one.id: one for one in removed}
    records = [tombstone(one, removals[one.id]) if one.id in gone else one for one in content.records.values()]
    needed = {one.id: _commits(one) for one in records if one.id not in gone}
    kept = {one: [commit for commit in commits if commit in content.kept] for one, commits in needed.items()}
    return write_entries(git, None, records, keeps=kept, logs=log_blobs(git, [content], kept))


def _commits(record: Experiment) -> list[str]:
    """The commits that a record needs: also the snapshot from which a worker starts, or starts again."""
    snapshot = record.task.get("snapshot")
    return [record.commit, *([snapshot] if isinstance(snapshot, str) else [])]


def removed_before(grace: int) -> int:
    """The time in nanoseconds since the epoch that is `grace` seconds ago: earlier removals are final."""
    return time.time_ns() - grace * 10**9


def plan_local_compaction(
    git: GitRepo, journal: Journal, *, before: int
) -> dict[str, tuple[JournalContent, frozenset[str]]]:
    """The journals of this clone, by ref, with commits of experiments that were removed before the time `before`.

    The second of each pair are the ids of these experiments.
    """
    tips = journal_tips(git, LOCAL)
    removed = journal.removed() if tips else []
    if all(one.updated >= before for one in removed):
        return {}
    contents = {ref: read_journal(git, tip) for ref, tip in tips.items()}
    found = {ref: (content, expired(content, removed, before=before)) for ref, content in contents.items()}
    return {ref: pair for ref, pair in found.items() if pair[1]}


def compact_local(git: GitRepo, journal: Journal, *, before: int) -> frozenset[str]:
    """Rewrite the journals of this clone without the commits of experiments that were removed before `before`.

    Returns the ids of these experiments. A process that is killed leaves each journal as it was, or rewritten.
    """
    if not plan_local_compaction(git, journal, before=before):
        return frozenset()
    with journal.locked():
        plans = plan_local_compaction(git, journal, before=before)
        for ref, (content, gone) in plans.items():
            move_ref(git, ref, write_compacted(git, content, gone, journal.removed()), before=content.tip)
    return frozenset[str]().union(*(gone for _, gone in plans.values()))
