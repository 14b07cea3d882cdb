"""What a clone may still need of the store, by the pointers of its whole Git repository: for who deletes the rest."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError, CorruptError, RepositoryError
from dver.core.oid import Oid
from dver.core.words import typed
from dver.formats import pointer as pointer_format
from dver.formats.pack import ObjectKind
from dver.formats.tree import Kind
from dver.scm.git import GitRepo
from dver.scm.roots import GitRoots, read_pointer_blobs, read_roots
from dver.store.store import Store
from dver.worktree.placed import read_placed

_OID: Final = re.compile(rb"blake3:([0-9a-f]{64})\b")
_POINTER_LIKE: Final = re.compile(rb"(?m)^\s*(?:oid|version)\s*:")

NeededRoot = tuple[Oid, ObjectKind | None]
"""An object that is needed; no kind where the pointer does not tell it."""


@dataclass(frozen=True, slots=True)
class CloneNeeds:
    """What one clone may still need, and where that was read."""

    roots: frozenset[NeededRoot]
    git: GitRoots


def needs_of(git: GitRepo) -> CloneNeeds:
    """All that the pointers name which the clone of `git` may still need, and what dver has put into its worktrees.

    Raises RepositoryError that names what cannot be read.
    """
    found = read_roots(git)
    roots: set[NeededRoot] = set()
    for blob, content in read_pointer_blobs(git, found.blobs).items():
        roots.update(roots_in(content, os.fsdecode(found.blobs[blob])))
    for path, content in found.files.items():
        roots.update(roots_in(content, os.fspath(path)))
    for git_dir in found.git_dirs:
        roots.update(_placed_in(git_dir))
    return CloneNeeds(frozenset(roots), found)


def roots_in(content: bytes, name: str) -> Iterator[NeededRoot]:
    """What the pointer `content` names. One with conflict markers, or other mistakes, names every oid that is in it.

    Raises RepositoryError, with the `name` of the file, for one that names nothing, or was written by a newer dver.
    """
    try:
        pointer = pointer_format.decode(content)
    except (CorruptError, ConflictError) as error:
        found = _OID.findall(content)
        newer = error.fix == "upgrade dver"
        if newer or (not found and _POINTER_LIKE.search(content)):
            raise RepositoryError(
                f"cannot tell what the pointer {name!r} needs",
                why=error.what,
                fix="upgrade dver" if newer else f"if it is broken for good: git rm -f -- {typed(name)}",
            ) from error
        yield from ((Oid(bytes.fromhex(digits.decode())), None) for digits in found)
    else:
        yield pointer.oid, pointer.kind


def with_kinds(store: Store, roots: Collection[NeededRoot]) -> set[tuple[Oid, ObjectKind]]:
    """`roots` with the kinds that the store tells where they are not known."""
    known = {(oid, kind) for oid, kind in roots if kind is not None}
    unsure = {oid for oid, kind in roots if kind is None}
    return known.union((oid, ObjectKind.BLOB) for oid in unsure).union(
        (found.oid, ObjectKind.TREE) for found in store.locate(unsure) if found.kind is ObjectKind.TREE
    )


def linked_blobs(folders: Iterable[Path], loose: Path) -> Iterator[Oid]:
    """The loose blobs that symbolic links in `folders` lead to: the workspace has no other copy of them."""
    start = os.fsencode(loose) + b"/"
    for folder in folders:
        for path in _links(os.fsencode(folder)):
            target = os.readlink(path)
            if target.startswith(start):
                digits = target[len(start) :].replace(b"/", b"")
                if re.fullmatch(rb"[0-9a-f]{64}", digits):
                    yield Oid(bytes.fromhex(digits.decode()))


def _links(folder: bytes) -> Iterator[bytes]:
    below = [folder]
    while below:
        try:
            with os.scandir(below.pop()) as listing:
                entries = list(listing)
        except OSError:  # closed to us, or just deleted: we have put nothing there
            continue
        for entry in entries:
            if entry.is_symlink():
                yield entry.path
            elif entry.is_dir(follow_symlinks=False) and entry.name != b".git":
                below.append(entry.path)


def _placed_in(git_dir: Path) -> Iterator[NeededRoot]:
    for entries in read_placed(git_dir / "dver" / "placed.json").values():
        for entry in entries:
            yield entry.oid, ObjectKind.TREE if entry.kind is Kind.DIRECTORY else ObjectKind.BLOB
