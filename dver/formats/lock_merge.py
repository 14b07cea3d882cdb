"""Merging lock files, stage by stage, since each stage is the result of one run (docs/format/lock.md)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

from dver.core.errors import ConflictError, CorruptError
from dver.formats.conflict_markers import versions
from dver.formats.lock import LockedStage, decode, encode_stage, joined


def merge(
    base: bytes | None,
    ours: bytes,
    theirs: bytes,
    *,
    marker_size: int = 7,
    prefer: Literal["ours", "theirs"] | None = None,
) -> tuple[bytes, tuple[str, ...]]:
    """Merge lock files stage by stage. Returns the merged file, and the stages that both sides changed differently.

    Conflict markers of `marker_size` characters surround those stages, or `prefer` chooses a side. `base` is None if
    both sides added the file. It may have markers itself, after crossed merges. Raises as `decode` does.
    """
    bases = _bases(base)
    mine, other = decode(ours).stages, decode(theirs).stages
    blocks, conflicts = [], []
    for name in sorted(mine.keys() | other.keys()):
        left, right = (_block(name, stages) for stages in (mine, other))
        before = {_block(name, stages) for stages in bases}
        if left == right or before == {right}:
            blocks.append(left)
        elif before == {left}:
            blocks.append(right)
        elif prefer is not None:
            blocks.append(left if prefer == "ours" else right)
        else:
            blocks.append(_in_markers(left, right, marker_size))
            conflicts.append(name)
    return joined([block for block in blocks if block]), tuple(conflicts)


def _bases(base: bytes | None) -> list[Mapping[str, LockedStage]]:
    """The possible bases: several if the base has conflicts itself, none if it cannot be read."""
    if base is None:
        return [{}]
    try:
        return [decode(base).stages]
    except ConflictError:
        with suppress(ConflictError, CorruptError):
            return [decode(one).stages for one in versions(base) or ()]
    return []


def _in_markers(ours: str, theirs: str, size: int) -> str:
    """Both sides of a conflict between Git's conflict markers."""
    return f"{'<' * size} ours\n{ours}{'=' * size}\n{theirs}{'>' * size} theirs\n"


def _block(name: str, stages: Mapping[str, LockedStage]) -> str:
    return encode_stage(name, stages[name]) if name in stages else ""
