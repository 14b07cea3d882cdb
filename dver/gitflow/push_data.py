"""The data that commits bring: for the pre-push hook, which sends it before the commits go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dver.core.errors import ConflictError, CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.phrasing import count, join_limited
from dver.formats import pointer as pointer_format
from dver.formats.lock_versions import LockVersions
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.git.git_repo import GitRepo, run
from dver.git.pointers import PATTERNS, each_blob, is_lock_path, most_bytes, names_data
from dver.git.remotes.outgoing import NewFile, new_files
from dver.git.revisions import CommitId
from dver.pipelines.run_cache.entries import key_of
from dver.repo import Repository
from dver.store.objects.reader import StoreReader
from dver.store.trees.reachable import find_missing
from dver.tracking.lock_outputs import outs_of, place_of
from dver.tracking.targets import data_of, named_in

_SHORT: Final = 10
"""Digits of a commit in a message."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A pointer or lock file that is new in a commit."""

    file: NewFile
    content: bytes
    """Nothing where it could be read."""
    readable: bool
    data: tuple[tuple[bytes, Pointer], ...] = ()
    """What it names, and at which path."""
    runs: tuple[str, ...] = ()
    """Of a lock: the keys of the work that it tells of."""


@dataclass(frozen=True, slots=True)
class ToSend:
    """Data that a commit brings."""

    commit: CommitId
    root: ObjectRef


def brought_by(git: GitRepo, commits: Sequence[CommitId]) -> list[Brought]:
    """The pointers and locks that are new in `commits`, each version of each path once, with the first commit that has
    it."""
    versions: dict[tuple[bytes, str], NewFile] = {}
    for file in new_files(git, commits, *PATTERNS):
        if names_data(file.path):
            versions.setdefault((file.path, file.blob), file)
    by_blob: dict[str, list[NewFile]] = {}
    for file in versions.values():
        by_blob.setdefault(file.blob, []).append(file)
    locks = LockVersions()
    found: dict[NewFile, Brought] = {}
    for blob, content in each_blob(git, by_blob, most_bytes(path for path, _ in versions)):
        found.update((file, _brought(file, content, locks)) for file in by_blob[blob])
    return [found[file] for file in versions.values()]


def _brought(file: NewFile, content: bytes, locks: LockVersions) -> Brought:
    try:
        if is_lock_path(file.path):
            found = locks.decode(content)
            data = [(place_of(file.path, item), item.pointer) for _, item in outs_of(found)]
            runs = tuple(map(key_of, found.stages.values()))
        else:
            data, runs = [(data_of(file.path), pointer_format.decode(content))], ()
    except (CorruptError, ConflictError):
        return Brought(file, content, readable=False)
    return Brought(file, b"", readable=True, data=tuple(data), runs=runs)


def refuse_unreadable(repo: Repository, brought: Iterable[Brought], tips: Iterable[str]) -> list[Brought]:
    """Raise CorruptError or ConflictError for a file that cannot be read and that one of the commits `tips` has.

    Returns the others that cannot be read: later commits have mended them.
    """
    unreadable = [one for one in brought if not one.readable]
    for one in unreadable:
        if not any(_has(repo.git, tip, one.file) for tip in tips):
            continue
        named_in(repo, one.file.path, one.file.blob, one.content)
    return unreadable


def _has(git: GitRepo, commit: str, file: NewFile) -> bool:
    """Does `commit` have this very version of the file?"""
    found = run(git, ["rev-parse", "--verify", "-q", os.fsencode(commit) + b":" + file.path], ok=(0, 1, 128))
    return found.strip() == file.blob.encode()


def by_remote(repo: Repository, brought: Iterable[Brought]) -> dict[str, list[ToSend]]:
    """What is to be pushed, by the remote that it belongs on. Raises RepositoryError where there is none."""
    groups: dict[str, list[ToSend]] = {}
    for one in brought:
        for path, pointer in one.data:
            if pointer.push:
                name = pointer.remote or repo.remotes.settings().name
                groups.setdefault(name, []).append(ToSend(one.file.commit, pointer.ref(path)))
    return groups


def nowhere(repo: Repository, name: str, wanted: Sequence[ToSend]) -> MissingObjectError:
    """The error for data that is neither in the store nor, by what is known here, on the remote `name`."""
    catalog = repo.remotes.catalog(name)

    def somewhere(kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        return repo.store.present(oids) | catalog.known(kind, oids)

    reader = StoreReader(repo.store)
    lost = [one for one in wanted if find_missing([one.root], reader, somewhere)] or wanted
    places = [f"{repo.layout.shown(one.root.path)} in commit {one.commit[:_SHORT]}" for one in lost]
    commits = {one.commit for one in lost}
    return MissingObjectError(
        f"the data of {count(len(commits), 'commit')} cannot be pushed: {join_limited(places)}",
        why=f"it is neither in the store nor on {name}",
        fix="`dver fetch -r` another remote that has it, or push from a clone that does",
    )
