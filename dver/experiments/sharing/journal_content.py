"""The content of one journal, read from Git."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dver.formats.experiment import MAX_SIZE, Experiment, decode_entry
from dver.git.git_repo import CommitId, GitRepo, describe_objects
from dver.git.journal import kept_commits, read_entries


@dataclass(frozen=True, slots=True)
class JournalContent:
    """The content of a journal; by default of a missing one."""

    tip: CommitId | None = None
    records: Mapping[str, Experiment] = field(default_factory=dict)
    """The last record of each experiment, by id, in the order of their first records."""
    entries: Mapping[str, Sequence[CommitId]] = field(default_factory=dict)
    """The entries with records of an experiment, by id; the last one first."""
    kept: frozenset[CommitId] = frozenset()
    """The commits that the journal keeps."""


def read_journal(git: GitRepo, tip: CommitId | None) -> JournalContent:
    """The content of the journal whose last entry is `tip`. Raises CorruptError, NewerVersionError."""
    if tip is None:
        return JournalContent()
    records: dict[str, Experiment] = {}
    entries: dict[str, list[CommitId]] = {}
    for entry, message in read_entries(git, tip, largest=MAX_SIZE):
        for one in decode_entry(message):
            if one.id not in records or one.updated >= records[one.id].updated:
                records[one.id] = one
            entries.setdefault(one.id, []).insert(0, entry)
    return JournalContent(tip, records, entries, kept_commits(git, tip))


def log_blobs(git: GitRepo, contents: Iterable[JournalContent], experiments: Collection[str]) -> dict[str, str]:
    """Git's blobs with the ends of the logs of `experiments`, by id, as far as `contents` have them."""
    wanted = [
        (one, f"{entry}:{one}.log")
        for content in contents
        for one in experiments
        for entry in content.entries.get(one, ())
    ]
    answers = describe_objects(git, [path for _, path in wanted], "%(objectname) %(objecttype)")
    found: dict[str, str] = {}
    for (experiment, _), answer in zip(wanted, answers, strict=True):
        if answer.endswith(" blob"):
            found.setdefault(experiment, answer.split(" ")[0])
    return found
