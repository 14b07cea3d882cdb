"""Undo records: the workspace before a step that replaced it (docs/format/undo.md)."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError, NewerVersionError, UsageError
from dver.formats.tree import Entry
from dver.workspace.state.placed import entry_fields, entry_of_fields

VERSION: Final = 1
FOLDER: Final = "undo"
"""The directory of records, in dver's directory of the worktree."""
FILE: Final = "record.json"
FINISHED: Final = "finished"
"""The empty file that says that the step has ended."""
CONTENT: Final = "content"
"""The contents of small files, one after the other."""
LARGE: Final = "large"
"""The directory of large files, each under its number."""
INDEX: Final = "index"
STATE_FILES: Final = ("placed.json", "partial.json", "followed.json")

_NUMBER: Final = re.compile(r"[1-9]\d{0,8}")


class StepKind(Enum):
    """A step that replaced the workspace."""

    APPLY = "apply"
    """`dver exp apply`, or a redo."""
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file or symbolic link of the workspace, and where its content is."""

    mode: int
    """As `lstat` has it."""
    mtime: int
    """In nanoseconds."""
    size: int
    at: int
    """Where its content starts in `content`; of a large file, its number."""
    is_large: bool = False

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link. Its content is the target."""
        return stat.S_ISLNK(self.mode)


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class UndoRecord(Displayed):
    """The workspace before a step. Paths are relative to the top of the Git worktree."""

    number: int
    kind: StepKind
    project: bytes = b""
    """The project's directory; empty at the top."""
    name: str
    """The name of the experiment."""
    created: float
    """In seconds since the epoch."""
    head: str | None
    """The commit of HEAD; None before the first one."""
    tree: str
    """Git's tree of the workspace: tracked files, and those that the step replaced."""
    target: str
    """Git's tree that the step made the workspace."""
    files: Mapping[bytes, SavedFile] = field(default_factory=dict)
    """The files that the step overwrote or deleted."""
    directories: Mapping[bytes, int] = field(default_factory=dict)
    """The existing directories with such files or with new ones, and their modes."""
    new_directories: tuple[bytes, ...] = ()
    """The missing directories that the step makes."""
    untracked: tuple[bytes, ...] = ()
    """The untracked files that the step left alone."""
    data: Mapping[bytes, Entry | None] = field(default_factory=dict)
    """The tracked data in the workspace; None for missing data."""
    index_mtime: int = 0
    """In nanoseconds; 0 without an index."""
    is_unsaved: bool = False
    """Whether some of this is neither in a commit nor in an experiment."""
    restores: int | None = None
    """The record whose workspace the step brought back."""
    continues: int | None = None
    """The record of an interrupted step that this one completes."""
    is_finished: bool = False


def encode_undo(record: UndoRecord) -> bytes:
    """The content of `record.json`."""
    document: dict[str, Any] = {
        "version": VERSION,
        "kind": record.kind.value,
        "project": os.fsdecode(record.project),
        "name": record.name,
        "created": record.created,
        "head": record.head,
        "tree": record.tree,
        "target": record.target,
        "index_mtime": record.index_mtime,
        "is_unsaved": record.is_unsaved,
        "restores": record.restores,
        "continues": record.continues,
        "files": {
            os.fsdecode(path): [one.mode, one.mtime, one.size, one.at, one.is_large]
            for path, one in record.files.items()
        },
        "directories": {os.fsdecode(path): mode for path, mode in record.directories.items()},
        "new_directories": [os.fsdecode(path) for path in record.new_directories],
        "untracked": [os.fsdecode(path) for path in record.untracked],
        "data": {os.fsdecode(path): entry and entry_fields(entry) for path, entry in record.data.items()},
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def decode_undo(content: bytes, number: int, *, is_finished: bool) -> UndoRecord:
    """The record in `record.json`. Raises CorruptError, NewerVersionError."""
    try:
        found = json.loads(content)
        if found["version"] > VERSION:
            raise NewerVersionError.of_format(f"undo record {number}", found["version"], VERSION)
        return UndoRecord(
            number=number,
            kind=StepKind(found["kind"]),
            project=os.fsencode(found["project"]),
            name=found["name"],
            created=found["created"],
            head=found["head"],
            tree=found["tree"],
            target=found["target"],
            files={os.fsencode(path): SavedFile(*fields) for path, fields in found["files"].items()},
            directories={os.fsencode(path): mode for path, mode in found["directories"].items()},
            new_directories=tuple(os.fsencode(path) for path in found.get("new_directories", ())),
            untracked=tuple(os.fsencode(path) for path in found["untracked"]),
            data={os.fsencode(path): one and entry_of_fields(one) for path, one in found["data"].items()},
            index_mtime=found["index_mtime"],
            is_unsaved=found["is_unsaved"],
            restores=found["restores"],
            continues=found["continues"],
            is_finished=is_finished,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptError(f"undo record {number} is unreadable", why=str(error)) from error


# -- records on disk


def record_numbers(worktree_dir: Path) -> list[int]:
    """The numbers of all records of a worktree, in order. `worktree_dir` is dver's directory of it."""
    try:
        names = os.listdir(worktree_dir / FOLDER)
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if _NUMBER.fullmatch(name))


def read_record(worktree_dir: Path, number: int) -> UndoRecord:
    """The record `number`. Raises CorruptError, and FileNotFoundError if there is none."""
    folder = worktree_dir / FOLDER / str(number)
    content = (folder / FILE).read_bytes()
    return decode_undo(content, number, is_finished=(folder / FINISHED).exists())


def read_records(worktree_dir: Path) -> Iterator[UndoRecord]:
    """All records of a worktree, oldest first. Raises CorruptError."""
    for number in record_numbers(worktree_dir):
        with suppress(FileNotFoundError):  # just deleted
            yield read_record(worktree_dir, number)


# -- which record is next


def next_undo(records: Sequence[UndoRecord]) -> UndoRecord:
    """The record that `undo` brings back: of the last step that is not undone. Raises UsageError if there is none."""
    undone = {one.restores for one in records if one.is_finished and one.kind is StepKind.UNDO}
    for one in reversed(records):
        if one.kind is StepKind.APPLY and _first(one) not in undone:
            return _recorded(records, one)
    raise UsageError(
        "there is nothing to undo",
        why="no `dver exp apply` of this worktree is left",
        fix="`dver exp undo --list` shows what can be brought back" if records else None,
    )


def next_redo(records: Sequence[UndoRecord]) -> UndoRecord:
    """The record that `undo --redo` brings back: of the last undo. Raises UsageError if there is none."""
    redone = {one.restores for one in records if one.is_finished and one.kind is StepKind.APPLY}
    for one in reversed(records):
        if one.kind is StepKind.APPLY and one.restores is None:
            break
        if one.kind is StepKind.UNDO and _first(one) not in redone:
            return _recorded(records, one)
    raise UsageError(
        "there is nothing to redo",
        why="`dver exp undo` was not the last step",
        fix="`dver exp undo --list` shows what can be brought back",
    )


def continued(records: Sequence[UndoRecord], kind: StepKind, head: str | None) -> int | None:
    """The record of the first of the interrupted steps that the next step of a `kind` completes.

    None if HEAD has moved since: then the user has gone on, and the present workspace is what undo is to bring back.
    """
    last = records[-1] if records else None
    if last is None or last.is_finished or last.kind is not kind or last.head != head:
        return None
    return _first(records[-1])


def expendable(records: Sequence[UndoRecord], keep: int) -> list[int]:
    """The numbers of records to delete: all but the last `keep` and those with unsaved work."""
    return [one.number for one in records[:-keep] if one.is_finished and not one.is_unsaved]


def _first(record: UndoRecord) -> int:
    """The first of the interrupted steps that this one completed: before it, the workspace was as the user had it."""
    return record.number if record.continues is None else record.continues


def _recorded(records: Sequence[UndoRecord], last: UndoRecord) -> UndoRecord:
    return next((one for one in records if one.number == _first(last)), last)
