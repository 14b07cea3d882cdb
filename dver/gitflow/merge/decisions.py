"""Pointers in conflict in Git's index, and the decisions about them so far (`merge.json`)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from dver.core.files import write_atomic
from dver.git.pointers import in_index, is_pointer_path, read_blobs
from dver.gitflow.merge.pointers import PointerVersions, read_versions
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.store.trees.merge import MergeChoice
from dver.tracking.targets import data_path_of

_FILE: Final = "merge.json"


@dataclass(frozen=True, slots=True)
class UnmergedPointer:
    """A pointer in conflict in Git's index."""

    path: bytes
    """The data path."""
    blobs: Mapping[int, str]
    sides: PointerVersions


@dataclass(slots=True)
class MergeDecisions:
    """The decisions about one pointer so far."""

    files: dict[bytes, MergeChoice] = field(default_factory=dict)
    """Decisions by path relative to the data; an empty path is the data as a whole."""
    keys: MergeChoice | None = None
    """The decision about keys of the pointer."""
    written: list[bytes] = field(default_factory=list)
    """Files with one side's version that `--write` left for inspection."""
    ending: list[bytes] = field(default_factory=list)
    """After the last decision: the data paths to write pointers for and to check out."""


def unmerged_pointers(repo: Repository) -> list[UnmergedPointer]:
    """The pointers in conflict in Git's index, by path. Raises CorruptError for an unreadable side."""
    index = in_index(repo.git, repo.layout.prefix)
    files = {path: file for path, file in index.items() if file.sides and is_pointer_path(path)}
    contents = read_blobs(repo.git, {blob for file in files.values() for blob in file.sides.values()})
    found = []
    for path, file in sorted(files.items()):
        three = [contents[file.sides[stage]] if stage in file.sides else None for stage in (1, 2, 3)]
        found.append(UnmergedPointer(data_path_of(path), file.sides, read_versions(repo, data_path_of(path), three)))
    return found


def read_decisions(layout: Layout, conflicted: UnmergedPointer) -> MergeDecisions:
    """The decisions about `conflicted`; empty if they belong to another merge."""
    kept = _read(layout).get(os.fsdecode(conflicted.path))
    if not isinstance(kept, dict) or kept.get("blobs") != _blobs(conflicted):
        return MergeDecisions()
    with suppress(ValueError, KeyError, AttributeError, TypeError):  # as another dver may have written it
        return MergeDecisions(
            files={os.fsencode(path): MergeChoice(choice) for path, choice in kept["files"].items()},
            keys=MergeChoice(kept["keys"]) if kept["keys"] else None,
            written=[os.fsencode(path) for path in kept["written"]],
            ending=[os.fsencode(path) for path in kept.get("ending", [])],
        )
    return MergeDecisions()


def write_decisions(layout: Layout, conflicted: UnmergedPointer, decisions: MergeDecisions | None) -> None:
    """Record the decisions about `conflicted`; None when the conflict is resolved."""
    kept = _read(layout)
    before = dict(kept)
    kept.pop(os.fsdecode(conflicted.path), None)
    if decisions is not None and any((decisions.files, decisions.keys, decisions.written, decisions.ending)):
        kept[os.fsdecode(conflicted.path)] = {
            "blobs": _blobs(conflicted),
            "files": {os.fsdecode(path): choice.value for path, choice in sorted(decisions.files.items())},
            "keys": decisions.keys.value if decisions.keys else None,
            "written": [os.fsdecode(path) for path in decisions.written],
            "ending": [os.fsdecode(path) for path in decisions.ending],
        }
    if kept != before:
        layout.worktree_dir.mkdir(parents=True, exist_ok=True)
        write_atomic(layout.worktree_dir / _FILE, json.dumps(kept, indent=1).encode())


def interrupted_paths(layout: Layout, conflicted: Sequence[UnmergedPointer]) -> list[bytes]:
    """Resolved paths whose data an interrupted `dver resolve` may not have checked out."""
    still = {one.path for one in conflicted}
    found = [path for path, kept in _read(layout).items() if isinstance(kept, dict) and kept.get("ending")]
    return [path for path in map(os.fsencode, sorted(found)) if path not in still]


def remaining_work(layout: Layout, path: bytes) -> tuple[list[bytes], list[bytes]]:
    """The rest of an interrupted `dver resolve`: data paths to check out, and files to remove."""
    kept = _read(layout)[os.fsdecode(path)]
    ending, written = ([os.fsencode(one) for one in kept.get(key, [])] for key in ("ending", "written"))
    return ending, written


def forget_decisions(layout: Layout, path: bytes) -> None:
    """Delete the decisions about `path`."""
    kept = _read(layout)
    if kept.pop(os.fsdecode(path), None) is not None:
        write_atomic(layout.worktree_dir / _FILE, json.dumps(kept, indent=1).encode())


def _read(layout: Layout) -> dict[str, Any]:
    try:
        kept = json.loads((layout.worktree_dir / _FILE).read_bytes())
    except (FileNotFoundError, ValueError):  # lost decisions are made again
        return {}
    return kept if isinstance(kept, dict) else {}


def _blobs(conflicted: UnmergedPointer) -> list[str | None]:
    return [conflicted.blobs.get(stage) for stage in (1, 2, 3)]
