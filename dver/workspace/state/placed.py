"""`placed.json`: the data that dver put into this worktree, and may remove again.

A JSON file in the worktree's Git directory: for each tracked path, the trees or files of the last checkout or add.
During a checkout it has two, the old and the new one, so that an interrupted one can be finished. Both stay if objects
were missing or unsaved work was kept. Without the file, dver removes no data that lost its pointer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from dver.core.errors import CorruptError
from dver.core.files import clear_leftovers, write_atomic
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, write_directory
from dver.store.trees.compare import same

NOTHING: Final = Entry(b"", Kind.DIRECTORY, write_directory((), lambda oid, content: None), 0)
"""The old version of a checkout into an empty path: an empty directory."""

Placed = dict[bytes, tuple[Entry, ...]]
"""Placed entries by path, relative to the top of the Git worktree."""


def read_placed(file: Path) -> Placed:
    """The content of `file`; empty if it is missing or unreadable."""
    try:
        document = json.loads(file.read_bytes())
        return {os.fsencode(path): tuple(map(entry_of_fields, entries)) for path, entries in document.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, CorruptError):
        return {}


def write_placed(file: Path, placed: Mapping[bytes, Iterable[Entry]]) -> None:
    """Replace `file`."""
    document = {os.fsdecode(path): list(map(entry_fields, entries)) for path, entries in sorted(placed.items())}
    file.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(file.parent)
    write_atomic(file, json.dumps(document, indent=1).encode() + b"\n", durable=False)


def after_rewrite(placed: Iterable[Entry], before: Entry, after: Entry) -> tuple[Entry, ...]:
    """The placed entries of a directory after parts of it were recorded.

    The pointer was `before` and is `after` now. Paths that were not recorded are unchanged.
    """
    return (*(one for one in placed if not same(one, before)), after)


def entry_fields(entry: Entry) -> dict[str, object]:
    """An entry as JSON."""
    return {
        "name": os.fsdecode(entry.name),
        "kind": entry.kind.name,
        "oid": str(entry.oid),
        "size": entry.size,
        "files": entry.files,
    }


def entry_of_fields(fields: Mapping[str, object]) -> Entry:
    """The entry of `entry_fields`. Raises ValueError, KeyError, CorruptError."""
    size, files = fields["size"], fields["files"]
    if not isinstance(size, int) or not isinstance(files, int):
        raise ValueError("not an entry")
    return Entry(
        os.fsencode(str(fields["name"])), Kind[str(fields["kind"])], Oid.parse(str(fields["oid"])), size, files
    )
