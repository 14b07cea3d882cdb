"""The objects that a clone may need from the store, by the pointers and locks in its whole Git repository."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError, CorruptError, NewerVersionError, RepositoryError
from dver.core.files import explain
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.experiments.apply.record import read_records
from dver.formats import pointer as pointer_format
from dver.formats.lock_versions import LockVersions
from dver.formats.monitor_history import contents_in
from dver.formats.objectref import ObjectKey
from dver.formats.pack import ObjectKind
from dver.git.git_repo import GitRepo
from dver.git.history.gc_roots import GitRoots, read_pointer_blobs, read_roots
from dver.git.pointers import is_lock_path
from dver.store.store import Store
from dver.tracking.lock_outputs import cached_outputs
from dver.workspace.state.placed import NOTHING, read_placed
from dver.workspace.state.store_links import link_to

_OID: Final = re.compile(rb"blake3:([0-9a-f]{64})\b")
_POINTER_LIKE: Final = re.compile(rb"(?m)^\s*(?:oid|version)\s*:")

NeededRoot = tuple[Oid, ObjectKind | None]
"""An object that a clone needs. The kind is None if the pointer is unreadable."""


@dataclass(frozen=True, slots=True)
class CloneNeeds:
    """The objects that one clone may need, and the parts of Git that name them."""

    roots: frozenset[NeededRoot]
    git: GitRoots
    monitored: frozenset[Oid]
    """Contents that monitor histories name: what describes them is kept, although their data may be gone."""


def needs_of(git: GitRepo) -> CloneNeeds:
    """The objects that pointers and locks of the clone of `git` name, and those that dver placed in its worktrees.

    Raises RepositoryError if a part cannot be read.
    """
    found = read_roots(git)
    roots: set[NeededRoot] = set()
    locks = LockVersions()
    for blob, content in read_pointer_blobs(git, found.blobs):
        roots.update(roots_in(content, found.blobs[blob], locks))
    for path, content in found.files.items():
        roots.update(roots_in(content, os.fsencode(path), locks))
    for git_dir in found.git_dirs:
        for entries in read_placed(git_dir / "dver" / "placed.json").values():
            roots.update(entry.ref().key for entry in entries if entry.oid != NOTHING.oid)
        roots.update(_roots_of_undo(git_dir))
    return CloneNeeds(frozenset(roots), found, _monitored(git, found))


def _monitored(git: GitRepo, found: GitRoots) -> frozenset[Oid]:
    """The contents that histories name. They are searched as text, so that a damaged history loses none of them."""
    monitored: set[Oid] = set()
    for _, content in read_pointer_blobs(git, found.histories):
        monitored |= contents_in(content)
    for content in found.history_files:
        monitored |= contents_in(content)
    return frozenset(monitored)


def _roots_of_undo(git_dir: Path) -> Iterator[NeededRoot]:
    """The data that undo records of a worktree name. Raises RepositoryError for a record that cannot be read."""
    try:
        for record in read_records(git_dir / "dver"):
            yield from (entry.ref().key for entry in record.data.values() if entry is not None)
    except (CorruptError, OSError) as error:
        known = error if isinstance(error, CorruptError) else explain(error)
        raise RepositoryError(
            f"cannot read which data the undo records in {str(git_dir / 'dver' / 'undo')!r} need",
            why=f"{known.what}: {known.why}" if known.why else known.what,
            fix=known.fix or "delete the directory of that record: its workspace cannot be brought back",
        ) from error


def roots_in(content: bytes, path: bytes, locks: LockVersions) -> set[NeededRoot]:
    """The objects that `content`, a pointer or lock at `path`, names. If it is invalid, every oid in it counts.

    Raises RepositoryError for a pointer without an oid, and for a file of a newer version.
    """
    lock = is_lock_path(path)
    try:
        if lock:
            return {(item.oid, item.kind) for _, item in cached_outputs(locks.decode(content))}
        pointer = pointer_format.decode(content)
        return {(pointer.oid, pointer.kind)}
    except pointer_format.NotDownloadedError:
        return set()
    except (CorruptError, ConflictError) as error:
        found = _OID.findall(content)
        newer = isinstance(error, NewerVersionError)
        if newer or (not found and not lock and _POINTER_LIKE.search(content)):
            name = os.fsdecode(path)
            raise RepositoryError(
                f"cannot read which data the {'lock' if lock else 'pointer'} {name!r} needs",
                why=error.what,
                fix=error.fix if newer else f"if it is broken for good: git rm -f -- {quoted(name)}",
            ) from error
        return {(Oid(bytes.fromhex(digits.decode())), None) for digits in found}


def with_kinds(store: Store, roots: Collection[NeededRoot]) -> set[ObjectKey]:
    """`roots` with their kinds. The store has those that are unknown."""
    known = {(oid, kind) for oid, kind in roots if kind is not None}
    unsure = {oid for oid, kind in roots if kind is None}
    return known.union((oid, ObjectKind.BLOB) for oid in unsure).union(
        (found.oid, ObjectKind.TREE) for found in store.locate(unsure) if found.kind is ObjectKind.TREE
    )


def linked_blobs(folders: Iterable[Path]) -> Iterator[Oid]:
    """The loose blobs that symbolic links in `folders` lead to: the workspace has no other copy of them.

    They may be in any store, since the links of a moved clone lead to the old path.
    """
    for folder in folders:
        for path in _links(os.fsencode(folder)):
            with suppress(OSError):  # just deleted
                if (link := link_to(path, os.readlink(path))) is not None:
                    yield link.oid


def _links(folder: bytes) -> Iterator[bytes]:
    below = [folder]
    while below:
        try:
            with os.scandir(below.pop()) as listing:
                entries = list(listing)
        except OSError:  # unreadable, or just deleted: dver put nothing there
            continue
        for entry in entries:
            if entry.is_symlink():
                yield entry.path
            elif entry.is_dir(follow_symlinks=False) and entry.name != b".git":
                below.append(entry.path)
