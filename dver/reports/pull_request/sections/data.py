"""The section of changed data: files and sizes of each tracked path, and the changed files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.phrasing import count, human_size
from dver.formats.tree import Entry, Kind
from dver.pipelines.compare.compared_versions import ReadProblem
from dver.reports.blocks.model import Code, Inline, ItemList, ReportTable
from dver.reports.pull_request.model import ReportedVersion, SectionBody
from dver.reports.pull_request.sections.changes import FACTS_MAX
from dver.reports.pull_request.subject import ReportSubject
from dver.reports.pull_request.wording import problem_notes
from dver.store.trees.compare import ChangeStatus, TreeChange, TreeReader, change_summary, compare, with_renames
from dver.tracking.browse import explain_errors
from dver.tracking.targets import Target, TrackedData

_LETTERS: Final = {
    ChangeStatus.ADDED: "A",
    ChangeStatus.REMOVED: "D",
    ChangeStatus.MODIFIED: "M",
    ChangeStatus.RENAMED: "R",
}
_BY_NAME: Final = 200
"""The most changed files that are listed by name."""


@dataclass(frozen=True, slots=True)
class _ChangedData:
    """Tracked data that differs. `files` is None if the store does not have one of the versions."""

    path: str
    old: TrackedData | None
    new: TrackedData | None
    files: tuple[TreeChange, ...] | None
    problems: tuple[ReadProblem, ...] = ()


def data_section(subject: ReportSubject) -> SectionBody:
    """The tracked data whose pointers or lock files differ. The workspace is not scanned."""
    changed = _changed_data(subject)
    if not changed:
        return SectionBody()
    files = with_renames(one for data in changed for one in data.files or ())  # also from one path to another
    header: tuple[Inline, ...] = (("Path",), ("Files",), ("Size",), ("Changed files",))
    rows = tuple(_row(one) for one in changed)
    blocks: list[ReportTable | ItemList] = [
        ReportTable(header, rows, len(rows), frozenset((1, 2)), subject.command("diff"))
    ]
    if files:
        blocks.append(_listed(files, subject))
    notes = problem_notes(one for data in changed for one in data.problems)
    return SectionBody(_summary(changed, files), tuple(blocks), notes, _facts(subject, changed, files))


def _changed_data(subject: ReportSubject) -> list[_ChangedData]:
    old, new = (subject.tracked(one) for one in (subject.old, subject.new))
    paths = sorted({path for path in {*old, *new} if not _same(old.get(path), new.get(path))})
    return [_compared(subject, path, old, new) for path in paths]


def _same(old: TrackedData | None, new: TrackedData | None) -> bool:
    return old is not None and new is not None and old.pointer.same_data(new.pointer)


def _compared(
    subject: ReportSubject, path: bytes, old: Mapping[bytes, TrackedData], new: Mapping[bytes, TrackedData]
) -> _ChangedData:
    before, after = old.get(path), new.get(path)
    left, right = _entry(before), _entry(after)
    problems: list[ReadProblem] = []
    read_old = _reader(subject, before, subject.old, problems)
    read_new = _reader(subject, after, subject.new, problems)
    changes: list[TreeChange] | None = None
    with suppress(MissingObjectError, CorruptError):
        changes = with_renames(compare(left, right, read_old, read_new, path=path))
    if changes is None and right is not None and right.kind is Kind.DIRECTORY and len(problems) == 1:
        with suppress(MissingObjectError, CorruptError):
            read_new(right.oid)  # one report names what is missing on both sides
    files = tuple(changes) if changes is not None else None
    return _ChangedData(subject.repo.layout.shown(path), before, after, files, tuple(problems))


def _entry(data: TrackedData | None) -> Entry | None:
    return data.entry if data is not None else None


def _reader(
    subject: ReportSubject, data: TrackedData | None, version: ReportedVersion, problems: list[ReadProblem]
) -> TreeReader:
    """Reads directories from the store. Adds errors to the `problems`."""

    def read(oid: Oid) -> Sequence[Entry]:
        assert data is not None  # a side without data has no directories
        try:
            with explain_errors(subject.repo, Target(data), rev=version.commit):
                return subject.repo.store.tree(oid)
        except (MissingObjectError, CorruptError) as error:
            problems.append(ReadProblem(version.rev, subject.repo.layout.shown(data.path), error))
            raise

    return read


def _row(data: _ChangedData) -> tuple[Inline, ...]:
    old, new = (one.pointer if one is not None else None for one in (data.old, data.new))
    files = _change(*(f"{one.files:,}" if one is not None else None for one in (old, new)))
    size = _change(*(human_size(one.size) if one is not None else None for one in (old, new)))
    return (Code(data.path),), (files,), (size,), (_kinds(data),)


def _change(old: str | None, new: str | None) -> str:
    """Both values, or the one that exists."""
    if old is None or new is None:
        return f"- → {new}" if old is None else f"{old} → -"
    return old if old == new else f"{old} → {new}"


def _kinds(data: _ChangedData) -> str:
    if data.files is None:
        return "unknown: not in the store"
    return change_summary(data.files)


def _summary(changed: list[_ChangedData], files: list[TreeChange]) -> Inline:
    old, new = (
        sum(one.pointer.size for one in side if one is not None)
        for side in ([data.old for data in changed], [data.new for data in changed])
    )
    known = [change_summary(files)] if files else []
    unknown = ["others unknown" if known else "unknown"] if any(data.files is None for data in changed) else []
    kinds = f" (files: {', '.join([*known, *unknown])})" if known or unknown else ""
    growth = f"{'-' if new < old else '+'}{human_size(abs(new - old))}"
    return (f"{count(len(changed), 'path')} changed{kinds}, {growth}.",)


def _listed(files: list[TreeChange], subject: ReportSubject) -> ItemList:
    """The changed files, or the directories of very many."""
    title, more, shown = count(len(files), "changed file"), subject.command("diff"), subject.repo.layout.shown
    if len(files) <= _BY_NAME:
        return ItemList(tuple(_item(one, shown) for one in files), len(files), title, more)
    directories: dict[bytes, list[TreeChange]] = {}
    for one in files:
        directories.setdefault(os.path.dirname(one.path), []).append(one)
    most = sorted(directories.items(), key=lambda found: -len(found[1]))
    items = tuple((Code(shown(path)), f": {change_summary(found)}") for path, found in most[:FACTS_MAX])
    return ItemList(items, len(most), f"{title} in {count(len(most), 'directory', 'directories')}", more)


def _item(change: TreeChange, shown: Callable[[bytes], str]) -> Inline:
    name: Inline = (Code(shown(change.path)),)
    if change.old_path is not None:
        name = (Code(shown(change.old_path)), " → ", *name)
    sizes = [_size(one) for one in (change.old, change.new) if one is not None]
    return (f"{_LETTERS[change.status]} ", *name, f" ({' → '.join(dict.fromkeys(sizes))})")


def _size(entry: Entry) -> str:
    return "empty directory" if entry.kind is Kind.DIRECTORY else human_size(entry.size)


def _facts(subject: ReportSubject, changed: list[_ChangedData], files: list[TreeChange]) -> dict[str, Any]:
    counts = Counter(one.status for one in files)
    shown = subject.repo.layout.shown
    return {
        "paths": [
            {
                "path": data.path,
                "old": _pointer_facts(data.old),
                "new": _pointer_facts(data.new),
                "files_known": data.files is not None,
            }
            for data in changed
        ],
        **{status.value: counts[status] for status in _LETTERS},
        "files": [
            {
                "status": one.status.value,
                "path": shown(one.path),
                "old_path": shown(one.old_path) if one.old_path else None,
            }
            for one in files[:FACTS_MAX]
        ],
    }


def _pointer_facts(data: TrackedData | None) -> dict[str, Any] | None:
    if data is None:
        return None
    return {"oid": str(data.pointer.oid), "files": data.pointer.files, "size": data.pointer.size}
