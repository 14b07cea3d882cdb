"""`dver textconv`: the text of a pointer for `git show` and `git log -p`: its lines and a list of its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dver.core.errors import ConflictError, CorruptError, MissingObjectError
from dver.formats import pointer as pointer_format
from dver.formats.pack import ObjectKind
from dver.formats.tree import Entry, Kind
from dver.git.git_repo import GitRepo
from dver.project.git_projects import open_projects
from dver.repo import Repository
from dver.store.trees.compare import TreeReader, join, leaves

FILES_MAX: Final = 5_000
"""The most files that are listed; of larger directories, the subdirectories are listed."""
FOLDERS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class PointerListing:
    """The files, links and empty directories of a pointer, or the subdirectories of large data."""

    entries: tuple[tuple[bytes, Entry], ...]
    folders: bool = False
    """Whether the paths are subdirectories."""
    incomplete: bool = False
    """Whether more data exists that the store does not have."""


def list_pointer(git: GitRepo, content: bytes) -> PointerListing | None:
    """The files of the pointer with this `content`; None for the pointer of a single file and for other files.

    Nothing is downloaded.
    """
    try:
        pointer = pointer_format.decode(content)
    except (ConflictError, CorruptError):
        return None
    if pointer.kind is not ObjectKind.TREE:
        return None
    for repo in open_projects(git):
        if repo.store.present([pointer.oid]):
            return _list(pointer.entry(b""), repo)
    return PointerListing((), incomplete=True)


def _list(root: Entry, repo: Repository) -> PointerListing:
    many = root.files > FILES_MAX
    found: list[tuple[bytes, Entry]] = []
    try:
        found.extend(_folders(root, repo.store.tree) if many else leaves(root, repo.store.tree))
    except (MissingObjectError, CorruptError):
        return PointerListing(tuple(found), folders=many, incomplete=True)
    return PointerListing(tuple(found), folders=many)


def _folders(root: Entry, read: TreeReader) -> Iterator[tuple[bytes, Entry]]:
    """The subdirectories of `root`, level by level, as many as can be read quickly."""
    level, listed = [(b"", root)], 0
    while level and listed < FOLDERS_MAX:
        below = [
            (join(path, child.name), child)
            for path, folder in level
            for child in read(folder.oid)
            if child.kind is Kind.DIRECTORY
        ]
        yield from below
        listed += len(below)
        level = below
