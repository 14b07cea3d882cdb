"""Three-way merge of trees, file by file. Directories that only one side changed are not read.

A path conflicts if both sides changed it in different ways. The content of a file and its executable bit are merged
separately. If one side renamed a file (deleted it, and added the same content elsewhere) and the other modified it, the
result has the modified content at the new path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from dver.core.garbage_collector import collector_paused
from dver.core.oid import Oid
from dver.formats.tree import NAME_MAX, Entry, Kind
from dver.store.trees.compare import ChangeStatus, TreeReader, compare, join, same
from dver.store.trees.edit import directory_entry

_FILES: Final = (Kind.FILE, Kind.EXECUTABLE)


class MergeChoice(Enum):
    OURS = "ours"
    THEIRS = "theirs"
    UNION = "union"
    """Both versions are kept, under different names."""


@dataclass(frozen=True, slots=True)
class TreeConflict:
    """A path, relative to the root, that both sides changed differently. None: the path does not exist on that side."""

    path: bytes
    base: Entry | None
    ours: Entry | None
    theirs: Entry | None


@dataclass(frozen=True, slots=True)
class MergedTree:
    """The result of a merge. With conflicts there is no tree, and nothing was written."""

    entry: Entry | None
    """None with conflicts, and if the merged tree is empty."""
    conflicts: tuple[TreeConflict, ...] = ()


Choose = Callable[[TreeConflict], MergeChoice | None]
"""Returns the resolution of a conflict, or None to leave it open."""


def undecided(_conflict: TreeConflict) -> None:
    """Leave a conflict open."""
    return


@collector_paused()
def merge(
    base: Entry | None,
    ours: Entry | None,
    theirs: Entry | None,
    *,
    read: TreeReader,
    emit: Callable[[Oid, bytes], None],
    choose: Choose = undecided,
) -> MergedTree:
    """Merge `ours` and `theirs` with their common ancestor `base`, which is None if both sides added them.

    Writes new trees by `emit`. The result has the name of `ours`, or of `theirs` if that is None.
    """
    merging = _Merging(read)
    found = merging.merge(b"", base, ours, theirs)
    root = _Folder({b"": found})
    _follow_renames(merging, root, (base, ours, theirs))
    open_conflicts = []
    for conflict in sorted(merging.conflicts, key=lambda one: one.path):
        choice = choose(conflict)
        if choice is None:
            open_conflicts.append(conflict)
        else:
            _resolve(root, conflict, choice, read)
    if open_conflicts:
        return MergedTree(None, tuple(open_conflicts))
    return MergedTree(_sealed(_name_of(ours, theirs), root.children.get(b""), emit))


def union_names(name: bytes, taken: Collection[bytes] = ()) -> tuple[bytes, bytes]:
    """The names of both versions of `name` in a union: `a.ours.csv` and `a.theirs.csv`.

    If one of these exists, the first free pair of `a.ours2.csv`, `a.ours3.csv` …
    """
    number = 1
    while True:
        suffix = str(number).encode() if number > 1 else b""
        both = _with_side(name, b".ours" + suffix), _with_side(name, b".theirs" + suffix)
        if not any(one in taken for one in both):
            return both
        number += 1


@dataclass(slots=True)
class _Folder:
    """A directory that is being merged. The root is a child, with an empty name, of a directory above it."""

    children: dict[bytes, Entry | _Folder | None]
    fixed: bool = True
    """Does it exist even if it is empty? Not if one side deleted it."""


_Node = Entry | _Folder | None


@dataclass(slots=True)
class _Merging:
    """Walks the directories that both sides changed."""

    read: TreeReader
    conflicts: list[TreeConflict] = field(default_factory=list)

    def merge(self, path: bytes, base: Entry | None, ours: Entry | None, theirs: Entry | None) -> _Node:
        """The merged content of one path; None for a conflict."""
        if same(ours, theirs) or same(base, theirs):
            return ours
        if same(base, ours):
            return theirs
        if _is_directory(ours) and _is_directory(theirs):
            return self._merge_directory(path, base, ours, theirs, fixed=True)
        if _is_directory(base) and (ours is None or theirs is None) and (_is_directory(ours) or _is_directory(theirs)):
            return self._merge_directory(path, base, ours, theirs, fixed=False)
        if base is not None and (ours is None or theirs is None):
            left = ours or theirs
            if left is not None and _is_directory(left) != _is_directory(base):
                return left  # both deleted it, and one added something of another kind
        settled = _merged_file(base, ours, theirs)
        if settled is None:
            self.conflicts.append(TreeConflict(path, base, ours, theirs))
        return settled

    def _merge_directory(
        self, path: bytes, base: Entry | None, ours: Entry | None, theirs: Entry | None, *, fixed: bool
    ) -> _Folder:
        old, left, right = (self._children(one) for one in (base, ours, theirs))
        children: dict[bytes, _Node] = {}
        for name in left.keys() | right.keys():
            mine, other = left.get(name), right.get(name)
            # As in `merge`, but without a call for each of the many unchanged names.
            if mine is other or mine == other:
                children[name] = mine
            else:
                children[name] = self.merge(join(path, name), old.get(name), mine, other)
        return _Folder(children, fixed)

    def _children(self, entry: Entry | None) -> dict[bytes, Entry]:
        if entry is None or entry.kind is not Kind.DIRECTORY:
            return {}
        return {child.name: child for child in self.read(entry.oid)}


def _merged_file(base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Entry | None:
    """A file whose content one side changed, and whose executable bit the other."""
    if base is None or ours is None or theirs is None or any(one.kind not in _FILES for one in (base, ours, theirs)):
        return None
    kind = theirs.kind if base.kind is ours.kind else ours.kind
    if ours.oid == theirs.oid or theirs.oid == base.oid:
        return ours._replace(kind=kind)
    return theirs._replace(kind=kind) if ours.oid == base.oid else None


# -- renames


def _follow_renames(merging: _Merging, root: _Folder, three: tuple[Entry | None, ...]) -> None:
    """Resolve conflicts in which one side renamed the file that the other modified."""
    base, ours, theirs = three
    lost_by_us = [one for one in merging.conflicts if _may_be_renamed(one, one.ours, one.theirs)]
    lost_by_them = [one for one in merging.conflicts if _may_be_renamed(one, one.theirs, one.ours)]
    settled: set[bytes] = set()
    for lost, side, other in ((lost_by_us, ours, "theirs"), (lost_by_them, theirs, "ours")):
        if not lost:
            continue
        for conflict, place in _renamed(lost, base, side, merging.read):
            modified = conflict.theirs if other == "theirs" else conflict.ours
            now = _child_at(root, place, merging.read)
            if modified is None or conflict.base is None or not isinstance(now, Entry) or now.oid != conflict.base.oid:
                continue
            moved = modified if now.kind is conflict.base.kind else modified._replace(kind=now.kind)
            _set_child(root, place, moved, merging.read)
            settled.add(conflict.path)
    merging.conflicts = [one for one in merging.conflicts if one.path not in settled]


def _may_be_renamed(conflict: TreeConflict, deleted: Entry | None, modified: Entry | None) -> bool:
    base = conflict.base
    return (
        deleted is None and base is not None and modified is not None and base.size > 0 and _both_files(base, modified)
    )


def _both_files(one: Entry, other: Entry) -> bool:
    return one.kind in _FILES and other.kind in _FILES


def _renamed(
    lost: Sequence[TreeConflict], base: Entry | None, side: Entry | None, read: TreeReader
) -> Iterator[tuple[TreeConflict, bytes]]:
    """The new paths of files that one side deleted and added elsewhere.

    Among several paths, the only one with the same name counts. No path counts for two files.
    """
    wanted = {one.base.oid for one in lost if one.base is not None}
    places: dict[Oid, list[bytes]] = {}
    for change in compare(base, side, read, read):
        if change.status is ChangeStatus.ADDED and change.new is not None and change.new.oid in wanted:
            places.setdefault(change.new.oid, []).append(change.path)
    for conflict in lost:
        assert conflict.base is not None
        found = places.get(conflict.base.oid, [])
        if len(found) > 1:
            name = os.path.basename(conflict.path)
            found = [one for one in found if os.path.basename(one) == name]
        if len(found) == 1:
            place = found[0]
            places[conflict.base.oid].remove(place)
            yield conflict, place


# -- resolutions


def _resolve(root: _Folder, conflict: TreeConflict, choice: MergeChoice, read: TreeReader) -> None:
    if choice is MergeChoice.UNION and conflict.ours is not None and conflict.theirs is not None:
        folder, name = os.path.split(conflict.path)
        parent = _folder_at(root, folder, read) if conflict.path else None
        if parent is not None:
            names = union_names(name, parent.children)
            parent.children.update(zip(names, (conflict.ours, conflict.theirs), strict=True))
            return
    chosen = conflict.theirs if choice is MergeChoice.THEIRS else conflict.ours
    if choice is MergeChoice.UNION and chosen is None:
        chosen = conflict.theirs
    _set_child(root, conflict.path, chosen, read)


def _with_side(name: bytes, side: bytes) -> bytes:
    stem, extension = os.path.splitext(name)
    return stem[: max(NAME_MAX - len(side) - len(extension), 1)] + side + extension


# -- nodes


def _folder_at(root: _Folder, path: bytes, read: TreeReader) -> _Folder | None:
    """The merged directory at `path`; None if there is none. Reads it if it was not merged yet."""
    folder = root
    for name in (b"", *(path.split(b"/") if path else ())):
        child = folder.children.get(name)
        if isinstance(child, Entry) and child.kind is Kind.DIRECTORY:
            child = _Folder({one.name: one for one in read(child.oid)})
            folder.children[name] = child
        if not isinstance(child, _Folder):
            return None
        folder = child
    return folder


def _child_at(root: _Folder, path: bytes, read: TreeReader) -> _Node:
    folder, name = os.path.split(path)
    parent = _folder_at(root, folder, read)
    return parent.children.get(name) if parent else None


def _set_child(root: _Folder, path: bytes, entry: Entry | None, read: TreeReader) -> None:
    folder, name = os.path.split(path)
    parent = _folder_at(root, folder, read) if path else root
    assert parent is not None  # the merge has entered the directory of each conflict
    parent.children[name] = entry


def _sealed(name: bytes, found: _Node, emit: Callable[[Oid, bytes], None]) -> Entry | None:
    """The merged node as an entry called `name`, or None."""
    if not isinstance(found, _Folder):
        return found if found is None or found.name == name else found._replace(name=name)
    entries = []
    for key in sorted(found.children):
        child = found.children[key]
        # Most children are unchanged, and need no call each.
        sealed = child if isinstance(child, Entry) and child.name == key else _sealed(key, child, emit)
        if sealed is not None:
            entries.append(sealed)
    return directory_entry(name, entries, emit) if entries or found.fixed else None


def _is_directory(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.DIRECTORY


def _name_of(ours: Entry | None, theirs: Entry | None) -> bytes:
    entry = ours or theirs
    return entry.name if entry is not None else b""
