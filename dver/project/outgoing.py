"""The data that commits bring: for the pre-push hook, which sends it before the commits go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dver.core.errors import ConflictError, CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.words import count, some
from dver.formats import lock as lock_format
from dver.formats import pointer as pointer_format
from dver.formats.pack import ObjectKind
from dver.project.lockguard import NAME as LOCK_NAME
from dver.project.lockguard import is_lock_path, outs_of
from dver.project.targets import data_of, decode
from dver.repo import Repository
from dver.scm.git import GitRepo, run
from dver.scm.outgoing import NewFile, new_files
from dver.scm.pointers import is_pointer_path, read_blobs
from dver.scm.revisions import CommitId
from dver.store.closure import Root, StoreReader, find_missing

_POINTERS: Final = b"**/*.dver"
_SHORT: Final = 10
"""Digits of a commit in a message."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A pointer or lock file that is new in a commit."""

    file: NewFile
    content: bytes
    readable: bool
    roots: tuple[Root, ...] = ()
    """The data to push that it stands for."""
    remote: str | None = None
    """Where that belongs, if not on the default remote."""


def brought_by(git: GitRepo, commits: Sequence[CommitId]) -> list[Brought]:
    """The pointers and locks that are new in `commits`, each version of each path once, with the first commit that has
    it."""
    versions: dict[tuple[bytes, str], NewFile] = {}
    for file in new_files(git, commits, _POINTERS, b"**/" + LOCK_NAME):
        if is_pointer_path(file.path) or is_lock_path(file.path):
            versions.setdefault((file.path, file.blob), file)
    contents = read_blobs(git, [file.blob for file in versions.values() if is_pointer_path(file.path)])
    return [
        _pointer(file, contents[file.blob]) if is_pointer_path(file.path) else _lock(git, file)
        for file in versions.values()
    ]


def _pointer(file: NewFile, content: bytes) -> Brought:
    try:
        pointer = pointer_format.decode(content)
    except (CorruptError, ConflictError):
        return Brought(file, content, readable=False)
    root = Root(pointer.oid, pointer.kind, data_of(file.path), pointer.size)
    return Brought(file, content, readable=True, roots=(root,) if pointer.push else (), remote=pointer.remote)


def _lock(git: GitRepo, file: NewFile) -> Brought:
    content = run(git, ["cat-file", "blob", file.blob])
    try:
        lock = lock_format.decode(content)
    except (CorruptError, ConflictError):
        return Brought(file, content, readable=False)
    return Brought(file, content, readable=True, roots=tuple(outs_of(git, file.commit, file.path, lock)))


def refuse_unreadable(repo: Repository, brought: Iterable[Brought], tips: Iterable[str]) -> list[Brought]:
    """Raise CorruptError or ConflictError for a file that cannot be read and that one of the commits `tips` has.

    Returns the others that cannot be read: later commits have mended them.
    """
    unreadable = [one for one in brought if not one.readable]
    for one in unreadable:
        if not any(_has(repo.git, tip, one.file) for tip in tips):
            continue
        if is_pointer_path(one.file.path):
            decode(repo, one.file.path, one.content)
        lock_format.decode(one.content)
    return unreadable


def _has(git: GitRepo, commit: str, file: NewFile) -> bool:
    """Does `commit` have this very version of the file?"""
    found = run(git, ["rev-parse", "--verify", "-q", os.fsencode(commit) + b":" + file.path], ok=(0, 1, 128))
    return found.strip() == file.blob.encode()


def by_remote(repo: Repository, brought: Iterable[Brought]) -> dict[str, list[Brought]]:
    """What has data to be pushed, by the remote that it belongs on. Raises RepositoryError where there is none."""
    groups: dict[str, list[Brought]] = {}
    for one in brought:
        if one.roots:
            groups.setdefault(one.remote or repo.remote_settings().name, []).append(one)
    return groups


def nowhere(repo: Repository, name: str, brought: Sequence[Brought]) -> MissingObjectError:
    """The error for data that is neither in the store nor, by what is known here, on the remote `name`."""
    catalog = repo.catalog(name)

    def somewhere(kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        return repo.store.present(oids) | catalog.known(kind, oids)

    reader = StoreReader(repo.store)
    pairs = [(one.file.commit, root) for one in brought for root in one.roots]
    lost = [(commit, root) for commit, root in pairs if find_missing([root], reader, somewhere)] or pairs
    places = [f"{repo.shown(root.path)} in commit {commit[:_SHORT]}" for commit, root in lost]
    commits = {commit for commit, _ in lost}
    return MissingObjectError(
        f"the data of {count(len(commits), 'commit')} cannot be pushed: {some(places)}",
        why=f"it is neither in the store nor on {name}",
        fix="`dver fetch -r` another remote that has it, or push from a clone that does",
    )
