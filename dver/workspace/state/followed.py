"""What each pointer said when data last followed it: so that a hook looks only at pointers that say something else.

A JSON file in the worktree's Git directory (docs/format/store.md). Without it nothing is lost but time.
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
"""In the worktree's Git directory."""

_CHECKSUM: Final = 32
"""The last bytes of Git's index: where its checksum is, be it of 20 bytes or of 32."""
_HEAD: Final = 512
"""Bytes at the beginning of the file that have the signature in them: it is written first."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What `followed.json` says."""

    marks: Mapping[bytes, str] = field(default_factory=dict)
    """By data path, relative to the top of the Git worktree: what `mark_of` gives for the entry."""
    index: str = ""
    """The signature of Git's index at that time."""


def mark_of(entry: Entry) -> str:
    """What is noted of data that should be `entry`."""
    return f"{entry.kind.name.lower()} {entry.oid}"


def read_followed(file: Path) -> Followed:
    """What `file` says; nothing where it is absent or unreadable."""
    try:
        document = json.loads(file.read_bytes())
        marks = {os.fsencode(path): str(mark) for path, mark in document["pointers"].items()}
        return Followed(marks, str(document["index"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Followed()


def has_followed(git_dir: Path) -> bool:
    """Has data followed the pointers since Git's index last changed? Of the two hooks that a checkout runs, the second
    finds it so; it reads but the beginning of the file."""
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
    """What tells one state of Git's index from another, without reading all of it; empty where there is none.

    GIT_INDEX_FILE names it, as for Git itself, relative to the top of the worktree, where hooks run.
    """
    path = os.environ.get("GIT_INDEX_FILE") or os.path.join(git_dir, "index")
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            file.seek(max(0, status.st_size - _CHECKSUM))
            return f"{status.st_size} {status.st_mtime_ns} {status.st_ino} {file.read().hex()}"
    except OSError:
        return ""
