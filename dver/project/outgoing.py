"""The data that commits bring: for the pre-push hook, which sends it before the commits go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from dver.core.errors import ConflictError, CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.words import count, some
from dver.formats import pointer as pointer_format
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.project.targets import data_of, decode
from dver.repo import Repository
from dver.scm.git import GitRepo
from dver.scm.outgoing import NewFile, new_files
from dver.scm.pointers import in_commit, is_pointer_path, read_blobs
from dver.scm.revisions import CommitId
from dver.store.closure import Root, StoreReader, find_missing

_POINTERS: Final = b"**/*.dver"
_SHORT: Final = 10
"""Digits of a commit in a message."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A pointer file that is new in a commit. `pointer` is None where `content` cannot be read."""

    file: NewFile
    content: bytes
    pointer: Pointer | None

    @property
    def root(self) -> Root:
        """The data that the pointer stands for."""
        assert self.pointer is not None
        return Root(self.pointer.oid, self.pointer.kind, data_of(self.file.path), self.pointer.size)


def brought_by(git: GitRepo, commits: Sequence[CommitId]) -> list[Brought]:
    """The pointers that are new in `commits`, each version of each path once, with the first commit that has it."""
    versions: dict[tuple[bytes, str], NewFile] = {}
    for file in new_files(git, commits, _POINTERS):
        if is_pointer_path(file.path):
            versions.setdefault((file.path, file.blob), file)
    contents = read_blobs(git, [file.blob for file in versions.values()])
    return [Brought(file, contents[file.blob], _read(contents[file.blob])) for file in versions.values()]


def refuse_unreadable(repo: Repository, brought: Iterable[Brought], tips: Iterable[str]) -> list[Brought]:
    """Raise CorruptError or ConflictError for a pointer that cannot be read and that one of the commits `tips` has.

    Returns the others that cannot be read: later commits have mended them.
    """
    unreadable = [one for one in brought if one.pointer is None]
    if not unreadable:
        return []
    last = {(path, file.blob) for tip in tips for path, file in in_commit(repo.git, tip, repo.prefix).items()}
    for one in unreadable:
        if (one.file.path, one.file.blob) in last:
            decode(repo, one.file.path, one.content)
    return unreadable


def by_remote(repo: Repository, brought: Iterable[Brought]) -> dict[str, list[Brought]]:
    """Pointers whose data is to be pushed, by the remote that it belongs on. Raises RepositoryError where none is."""
    groups: dict[str, list[Brought]] = {}
    for one in brought:
        if one.pointer is not None and one.pointer.push:
            groups.setdefault(one.pointer.remote or repo.remote_settings().name, []).append(one)
    return groups


def nowhere(repo: Repository, name: str, brought: Sequence[Brought]) -> MissingObjectError:
    """The error for data that is neither in the store nor, by what is known here, on the remote `name`."""
    catalog = repo.catalog(name)

    def somewhere(kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        return repo.store.present(oids) | catalog.known(kind, oids)

    reader = StoreReader(repo.store)
    lost = [one for one in brought if find_missing([one.root], reader, somewhere)] or list(brought)
    places = [f"{repo.shown(one.root.path)} in commit {one.file.commit[:_SHORT]}" for one in lost]
    commits = sorted({one.file.commit for one in lost})
    return MissingObjectError(
        f"the data of {count(len(commits), 'commit')} cannot be pushed: {some(places)}",
        why=f"it is neither in the store nor on {name}",
        fix="`dver fetch -r` another remote that has it, or push from a clone that does",
    )


def _read(content: bytes) -> Pointer | None:
    with suppress(CorruptError, ConflictError):
        return pointer_format.decode(content)
    return None
