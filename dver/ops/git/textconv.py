"""What `git show` and `git log -p` compare of a pointer: its lines, and a list of what it stands for."""

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
"""Files that are listed one by one; of larger directories, the folders are."""
FOLDERS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Listing:
    """What a pointer stands for: files, links and empty directories; or the folders of what is too large for that."""

    entries: tuple[tuple[bytes, Entry], ...]
    folders: bool = False
    """Are these folders, each with all that is below it?"""
    lacking: bool = False
    """Is there more that cannot be read here?"""


def list_pointer(git: GitRepo, content: bytes) -> Listing | None:
    """What the pointer file with this `content` stands for; None for a file's, and for what is no pointer.

    Nothing is fetched.
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
    return Listing((), lacking=True)


def _list(root: Entry, repo: Repository) -> Listing:
    many = root.files > FILES_MAX
    found: list[tuple[bytes, Entry]] = []
    try:
        found.extend(_folders(root, repo.store.tree) if many else leaves(root, repo.store.tree))
    except (MissingObjectError, CorruptError):
        return Listing(tuple(found), folders=many, lacking=True)
    return Listing(tuple(found), folders=many)


def _folders(root: Entry, read: TreeReader) -> Iterator[tuple[bytes, Entry]]:
    """The folders below `root`, level by level, as many as are quickly read."""
    level, told = [(b"", root)], 0
    while level and told < FOLDERS_MAX:
        below = [
            (join(path, child.name), child)
            for path, folder in level
            for child in read(folder.oid)
            if child.kind is Kind.DIRECTORY
        ]
        yield from below
        told += len(below)
        level = below
