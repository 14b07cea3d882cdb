"""`followed.json`: the pointer that each data path followed last, so that hooks check changed pointers only.

A JSON file in the worktree's Git directory (docs/format/store.md). A loss costs only time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dver.core.files import write_atomic

if TYPE_CHECKING:
    from dver.formats.tree import Entry

FILE: Final = "dver/followed.json"
"""The path in the worktree's Git directory."""

_CHECKSUM: Final = 32
"""The end of Git's index with its checksum, of 20 or 32 bytes."""
_HEAD: Final = 512
"""Bytes at the start of the file that include the signature, which is written first."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The content of `followed.json`."""

    marks: Mapping[bytes, str] = field(default_factory=dict)
    """The mark of each entry (`mark_of`), by data path relative to the top of the Git worktree."""
    index: str = ""
    """The signature of Git's index at that time."""


def mark_of(entry: Entry) -> str:
    """The mark of an entry."""
    return f"{entry.kind.name.lower()} {entry.oid}"


def read_followed(file: Path) -> Followed:
    """The content of `file`; empty if it is missing or unreadable."""
    try:
        document = json.loads(file.read_bytes())
        marks = {os.fsencode(path): str(mark) for path, mark in document["pointers"].items()}
        return Followed(marks, str(document["index"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Followed()


def has_followed(git_dir: Path) -> bool:
    """Whether data followed all pointers since Git's index last changed.

    A checkout runs two hooks, and this lets the second stop early: it reads only the start of the file.
    """
    signature = index_signature(git_dir)
    try:
        with open(git_dir / FILE, "rb") as file:
            return bool(signature) and json.dumps(signature).encode() in file.read(_HEAD)
    except OSError:
        return False


def write_followed(file: Path, followed: Followed) -> None:
    """Replace `file`."""
    pointers = {os.fsdecode(path): mark for path, mark in sorted(followed.marks.items())}
    file.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"index": followed.index, "pointers": pointers}, indent=1).encode() + b"\n"
    write_atomic(file, content, durable=False)


def index_signature(git_dir: Path) -> str:
    """A short signature of Git's index that does not read all of it; empty without an index.

    GIT_INDEX_FILE names the index relative to the top of the worktree, where Git runs hooks.
    """
    path = os.environ.get("GIT_INDEX_FILE") or os.path.join(git_dir, "index")
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            file.seek(max(0, status.st_size - _CHECKSUM))
            return f"{status.st_size} {status.st_mtime_ns} {status.st_ino} {file.read().hex()}"
    except OSError:
        return ""
