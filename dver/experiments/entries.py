"""Writing entries of a journal: some records, the commits that they keep, and the ends of logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dver.core.batches import batched
from dver.formats.experiment import Experiment, encode_entry
from dver.git.git_repo import CommitId, GitRepo
from dver.git.journal import write_commit, write_tree_of_blobs

BATCH: Final = 500
"""The most records in one entry, which has a parent for each of their commits."""


def write_each_entry(
    git: GitRepo,
    after: CommitId | None,
    records: Sequence[Experiment],
    *,
    keeps: Mapping[str, Sequence[str]],
    logs: Mapping[str, str],
) -> Iterator[tuple[CommitId, list[Experiment]]]:
    """Write entries with `records` after the entry `after`, and return each with its records.

    A new journal (`after` is None) begins with an entry without records. The entries keep the commits in `keeps`, and
    have the blobs `logs`, both by the id of an experiment. No ref is changed: a process that is killed leaves only
    unreachable objects.
    """
    last = after
    if last is None:
        # The first parent of an entry is the entry before it, so the first one keeps nothing.
        last = write_commit(git, write_tree_of_blobs(git, {}), encode_entry([]), parents=[])
        yield last, []
    for batch in batched(records, BATCH):
        files = {f"{one.id}.log": logs[one.id] for one in batch if one.id in logs}
        kept = [commit for one in batch for commit in keeps.get(one.id, ())]
        last = write_commit(git, write_tree_of_blobs(git, files), encode_entry(batch), parents=[last, *kept])
        yield last, batch


def write_entries(
    git: GitRepo,
    after: CommitId | None,
    records: Sequence[Experiment],
    *,
    keeps: Mapping[str, Sequence[str]],
    logs: Mapping[str, str],
) -> CommitId:
    """Write entries as `write_each_entry` does, and return the last one: `after` if there are no records."""
    last = after
    for entry, _ in write_each_entry(git, after, records, keeps=keeps, logs=logs):
        last = entry
    assert last is not None, "a new journal has a first entry"
    return last
