"""Three-way merges of pointers: their data file by file, the user's keys key by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from dver.core.errors import ConflictError, CorruptError, DverError, MissingObjectError
from dver.core.oid import Oid
from dver.core.phrasing import count, join_limited, quoted
from dver.formats import pointer as pointer_format
from dver.formats.conflict_markers import versions
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry, Leaf
from dver.git.merge_lines import merge_lines
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.store.trash.guard import GcGuard
from dver.store.trees.merge import Choose, MergeChoice, MergedTree, TreeConflict, merge, undecided
from dver.store.writer import StoreWriter
from dver.tracking.directory_listings import fetch_directories
from dver.tracking.targets import decode_pointer

_ABSENT: Final = object()

Side = tuple[bytes, Pointer] | None
"""A pointer file and its content; None where it is missing."""


@dataclass(frozen=True, slots=True)
class PointerVersions:
    """The three versions of one pointer. `path` is the data path."""

    path: bytes
    base: Side
    ours: Side
    theirs: Side
    crossed: bool = False
    """Whether the base itself is in conflict, as Git makes it for criss-cross merges. Then `base` and `other` are its
    two versions, if known."""
    other: Side = None

    @property
    def entries(self) -> tuple[Entry | None, Entry | None, Entry | None]:
        """The data of base, ours and theirs, as directory entries."""
        base, ours, theirs = (one[1].entry(self.path) if one else None for one in self._all())
        return base, ours, theirs

    @property
    def pointers(self) -> list[Pointer]:
        """The pointers that exist."""
        return [one[1] for one in (*self._all(), self.other) if one is not None]

    def _all(self) -> tuple[Side, Side, Side]:
        return self.base, self.ours, self.theirs


@dataclass(frozen=True, slots=True)
class MergedPointer:
    """The result of merging a pointer."""

    data: MergedTree
    content: bytes | None
    """The pointer file; None with conflicts, and if nothing is left."""
    keys: tuple[str, ...] = ()
    """Keys of the user that both sides changed differently."""

    @property
    def clean(self) -> bool:
        """Whether no conflict is left."""
        return not self.data.conflicts and not self.keys


def read_versions(repo: Repository, path: bytes, contents: Sequence[bytes | None]) -> PointerVersions:
    """The versions of a pointer, from its contents in base, ours and theirs.

    Raises ConflictError for sides with conflict markers, CorruptError for sides that are no pointer.
    """
    name = path + pointer_format.SUFFIX.encode()
    base, *both = contents
    ours, theirs = ((one, decode_pointer(repo, name, one)) if one else None for one in both)
    if not base:
        return PointerVersions(path, None, ours, theirs)
    with suppress(ConflictError, CorruptError):
        return PointerVersions(path, (base, decode_pointer(repo, name, base)), ours, theirs)
    first = second = None
    with suppress(ConflictError, CorruptError):
        first, second = [(one, decode_pointer(repo, name, one)) for one in versions(base) or ()] or (None, None)
    return PointerVersions(path, first, ours, theirs, crossed=True, other=second)


def merge_pointers(
    repo: Repository, sides: PointerVersions, *, choose: Choose = undecided, prefer: MergeChoice | None = None
) -> MergedPointer:
    """Merge three versions of a pointer; `choose` decides conflicting files, `prefer` conflicting keys.

    Missing trees are downloaded. New trees are durable in the store on return. Raises MissingObjectError.
    """
    guard = GcGuard(repo.store)
    merged = _with_downloaded_trees(repo, sides, lambda: _merge_data(repo, sides, choose))
    if merged.entry is None:
        return MergedPointer(merged, None)
    _, ours, theirs = sides.entries
    guard.recheck([merged.entry.ref().key])
    _mark_complete(repo, merged.entry, [one for one in (ours, theirs) if one is not None])
    content, keys = _merge_files(sides, merged.entry, prefer)
    return MergedPointer(merged, content, keys)


def merge_versions(
    repo: Repository, sides: PointerVersions, *, choose: Choose = undecided, prefer: MergeChoice | None = None
) -> MergedPointer:
    """Like `merge_pointers`, also where a side has no pointer or the base is in conflict.

    Then the data is in conflict as a whole, unless both versions of the base lead to the same merge.
    """
    base, ours, theirs = sides.entries
    if ours is not None and theirs is not None:
        if not sides.crossed:
            return merge_pointers(repo, sides, choose=choose, prefer=prefer)
        merged = _merge_from_either(repo, sides)
        if merged is not None:
            return merged
    conflict = TreeConflict(b"", base, ours, theirs)
    choice = choose(conflict)
    if choice is None:
        return MergedPointer(MergedTree(None, (conflict,)), None)
    return whole_side(sides, choice)


def whole_side(sides: PointerVersions, choice: MergeChoice) -> MergedPointer:
    """The pointer of one side unchanged; with `MergeChoice.UNION` the one that exists. Reads no data."""
    present = sides.ours or sides.theirs
    wanted = sides.theirs if choice is MergeChoice.THEIRS else sides.ours if choice is MergeChoice.OURS else present
    return MergedPointer(MergedTree(wanted[1].entry(sides.path) if wanted else None), wanted[0] if wanted else None)


def _merge_from_either(repo: Repository, sides: PointerVersions) -> MergedPointer | None:
    """The merge that both versions of the base lead to without conflict, or None."""
    if sides.base is None or sides.other is None:
        return None
    bases = (sides.base, sides.other)
    one, two = (merge_pointers(repo, replace(sides, base=base, crossed=False, other=None)) for base in bases)
    return one if one.clean and two.clean and one.content == two.content else None


def _merge_data(repo: Repository, sides: PointerVersions, choose: Choose) -> MergedTree:
    new: dict[Oid, bytes] = {}
    shards: dict[Oid, Leaf] = {}

    def read(oid: Oid) -> Sequence[Entry]:
        return repo.store.tree(oid, shards)

    merged = merge(*sides.entries, read=read, emit=new.__setitem__, choose=choose)
    if new:
        with StoreWriter(repo.store) as writer:
            for oid in writer.missing(new):
                writer.add_tree(oid, new[oid])
    return merged


def _with_downloaded_trees(repo: Repository, sides: PointerVersions, attempt: Callable[[], MergedTree]) -> MergedTree:
    """The result of `attempt`; missing trees are downloaded once."""
    try:
        return attempt()
    except MissingObjectError:
        _fetch_trees(repo, sides)
    try:
        return attempt()
    except MissingObjectError as error:
        shown = quoted(repo.layout.shown(sides.path))
        raise MissingObjectError(
            f"a directory that the merge needs is not in the store: {repo.layout.shown(sides.path)!r}",
            why="the remote does not have it either",
            fix=f"push it from the clone that added it (dver push --all-commits), then: dver resolve {shown}; "
            "or take one side whole, with --ours or --theirs",
        ) from error


def _fetch_trees(repo: Repository, sides: PointerVersions) -> None:
    trees = [one for one in sides.pointers if one.kind is ObjectKind.TREE]
    try:
        fetch_directories(repo, [one.oid for one in trees], [one.remote for one in trees])
    except DverError as error:
        raise MissingObjectError(
            f"directories that the merge needs are not in the store: {repo.layout.shown(sides.path)!r}",
            why=f"they cannot be fetched: {error.what}",
            fix=f"once the remote can be reached: dver resolve {quoted(repo.layout.shown(sides.path))}; "
            "or take one side whole, with --ours or --theirs",
        ) from error


def _mark_complete(repo: Repository, entry: Entry, sides: Sequence[Entry]) -> None:
    """Mark a merge of two complete directories as complete in the index database."""
    oids = [one.oid for one in sides]
    if len(repo.store.index.complete(oids)) == len(set(oids)):
        repo.store.index.mark_complete([entry.oid])


# -- pointer files


def _merge_files(
    sides: PointerVersions, entry: Entry, prefer: MergeChoice | None
) -> tuple[bytes | None, tuple[str, ...]]:
    """The merged pointer file, and the user's keys in conflict; with `prefer` there are none."""
    present = [_pointing_to(one, entry) if one is not None else None for one in (sides.base, sides.ours, sides.theirs)]
    base, ours, theirs = present
    if ours is None or theirs is None:
        return ours or theirs, ()
    if ours == theirs or base == theirs:
        return ours, ()
    if base == ours:
        return theirs, ()
    fields = [pointer_format.fields_of(one) if one is not None else {} for one in (base, ours, theirs)]
    conflicts: list[str] = []
    wanted = _merge_keys(fields[0], fields[1], fields[2], "", conflicts, prefer)
    if conflicts:
        return None, tuple(conflicts)
    # Git's own merge keeps the comments of both sides. It counts only if it says the same as the merge key by key.
    text = merge_lines(base, ours, theirs) if base is not None else None
    if text is not None:
        with suppress(CorruptError, ConflictError):
            if pointer_format.fields_of(text) == wanted:
                return text, ()
    return pointer_format.with_fields(ours, wanted), ()


def _pointing_to(side: tuple[bytes, Pointer], entry: Entry) -> bytes:
    content, pointer = side
    return pointer_format.rewrite(content, Pointer.of(entry, pointer))


def _merge_keys(
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    above: str,
    conflicts: list[str],
    prefer: MergeChoice | None,
) -> dict[str, Any]:
    """Nested mappings merged key by key. Appends the names of conflicting keys to `conflicts`."""
    merged: dict[str, Any] = {}
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        old, left, right = (one.get(key, _ABSENT) for one in (base, ours, theirs))
        if left == right or old == right:
            value = left
        elif old == left:
            value = right
        elif isinstance(left, dict) and isinstance(right, dict):
            value = _merge_keys(old if isinstance(old, dict) else {}, left, right, f"{above}{key}.", conflicts, prefer)
        elif prefer is not None:
            value = right if prefer is MergeChoice.THEIRS else left
        else:
            conflicts.append(f"{above}{key}")
            continue
        if value is not _ABSENT:
            merged[key] = value
    return merged


def conflict_line(layout: Layout, sides: PointerVersions, merged: MergedPointer) -> str:
    """One line that names the conflicts of a merge."""
    parts = []
    if merged.data.conflicts:
        paths = [layout.shown(full_path(sides.path, one.path)) for one in merged.data.conflicts]
        parts.append(join_limited(paths))
    if merged.keys:
        parts.append(f"{count(len(merged.keys), 'key')} of the pointer ({join_limited(merged.keys)})")
    unsure = "; the merge base is itself in conflict (criss-cross merge)" if sides.crossed else ""
    return "both sides changed " + ", and ".join(parts) + unsure


def full_path(path: bytes, inside: bytes) -> bytes:
    """The data path of `inside`, relative to the data at `path`."""
    return path + b"/" + inside if inside else path
