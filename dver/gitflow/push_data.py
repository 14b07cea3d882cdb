"""The data of commits that a Git push sends: the pre-push hook pushes it first."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dver.core.errors import ConflictError, CorruptError, MissingObjectError
from dver.core.phrasing import count, join_limited
from dver.formats import pointer as pointer_format
from dver.formats.lock_versions import LockVersions
from dver.formats.monitor_history import PATTERN as HISTORIES
from dver.formats.monitor_history import is_history_path
from dver.formats.objectref import ObjectRef
from dver.formats.pointer import NotDownloadedError, Pointer
from dver.git.git_repo import CommitId, GitRepo, run
from dver.git.pointers import PATTERNS, each_blob, in_commit, is_lock_path, most_bytes, names_data, new_in_each
from dver.git.remotes.outgoing import NewFile, new_files
from dver.pipelines.run_cache.entries import cache_key
from dver.repo import Repository
from dver.repo.remotes import Remotes
from dver.tracking.lock_outputs import cached_outputs, output_path
from dver.tracking.targets import data_named_by, data_path_of

_SHORT: Final = 10
"""Digits of an abbreviated commit in messages."""


@dataclass(frozen=True, slots=True)
class NewPointerFile:
    """A pointer or lock file that is new in a commit."""

    file: NewFile
    content: bytes
    """The file, if it is unreadable; otherwise empty."""
    readable: bool
    data: tuple[tuple[bytes, Pointer], ...] = ()
    """The data that the file names, by data path."""
    runs: tuple[str, ...] = ()
    """The run keys of a lock file's stages."""


@dataclass(frozen=True, slots=True)
class NewData:
    """New data of a commit."""

    commit: CommitId
    root: ObjectRef


@dataclass(frozen=True, slots=True)
class NewFiles:
    """The new files of commits."""

    pointers: list[NewPointerFile]
    """Pointers and locks: each version once, with its first commit."""
    histories: list[NewFile]
    """Histories of monitors: each version once, with its last commit, in the order of the commits."""


def new_files_of(git: GitRepo, commits: Sequence[CommitId]) -> NewFiles:
    """The pointers, locks and histories of monitors that are new in `commits`."""
    versions: dict[tuple[bytes, str], NewFile] = {}
    histories: dict[tuple[bytes, str], NewFile] = {}
    for file in new_files(git, commits, *PATTERNS, HISTORIES):
        if names_data(file.path):
            versions.setdefault((file.path, file.blob), file)
        elif is_history_path(file.path):
            histories.pop((file.path, file.blob), None)  # a repair may bring an earlier version back
            histories[file.path, file.blob] = file
    return NewFiles(_read_versions(git, versions), list(histories.values()))


def all_pointer_files(git: GitRepo, commits: Sequence[CommitId]) -> list[NewPointerFile]:
    """All pointers and locks in `commits`, not only the new ones: each version once, with one of its commits."""
    versions: dict[tuple[bytes, str], NewFile] = {}
    for commit, path, blob in new_in_each(git, commits):
        versions.setdefault((path, blob), NewFile(CommitId(commit), path, blob))
    for path, one in in_commit(git, commits[0]).items() if commits else ():
        versions.setdefault((path, one.blob), NewFile(commits[0], path, one.blob))
    return _read_versions(git, versions)


def _read_versions(git: GitRepo, versions: Mapping[tuple[bytes, str], NewFile]) -> list[NewPointerFile]:
    by_blob: dict[str, list[NewFile]] = {}
    for file in versions.values():
        by_blob.setdefault(file.blob, []).append(file)
    locks = LockVersions()
    found: dict[NewFile, NewPointerFile] = {}
    for blob, content in each_blob(git, by_blob, most_bytes(path for path, _ in versions)):
        found.update((file, _read_new(file, content, locks)) for file in by_blob[blob])
    return [found[file] for file in versions.values()]


def _read_new(file: NewFile, content: bytes, locks: LockVersions) -> NewPointerFile:
    try:
        if is_lock_path(file.path):
            found = locks.decode(content)
            data = [(output_path(file.path, item), item.pointer) for _, item in cached_outputs(found)]
            runs = tuple(map(cache_key, found.stages.values()))
        else:
            data, runs = [(data_path_of(file.path), pointer_format.decode(content))], ()
    except NotDownloadedError:
        return NewPointerFile(file, b"", readable=True)
    except (CorruptError, ConflictError):
        return NewPointerFile(file, content, readable=False)
    return NewPointerFile(file, b"", readable=True, data=tuple(data), runs=runs)


def refuse_unreadable(repo: Repository, brought: Iterable[NewPointerFile], tips: Iterable[str]) -> list[NewPointerFile]:
    """Raise CorruptError or ConflictError for an unreadable file in one of the commits `tips`.

    Returns the other unreadable files, which later commits repaired.
    """
    unreadable = [one for one in brought if not one.readable]
    for one in unreadable:
        if not any(_has(repo.git, tip, one.file) for tip in tips):
            continue
        data_named_by(repo, one.file.path, one.file.blob, one.content)
    return unreadable


def _has(git: GitRepo, commit: str, file: NewFile) -> bool:
    """Whether `commit` has this version of the file."""
    found = run(git, ["rev-parse", "--verify", "-q", os.fsencode(commit) + b":" + file.path], ok=(0, 1, 128))
    return found.strip() == file.blob.encode()


def by_remote(
    remotes: Remotes, brought: Iterable[NewPointerFile], chosen: str | None = None
) -> dict[str, list[NewData]]:
    """New data by its remote: the one that its pointer names, else `chosen`, else the default remote.

    Raises RepositoryError if the default remote is needed and there is none.
    """
    groups: dict[str, list[NewData]] = {}
    for one in brought:
        for path, pointer in one.data:
            if pointer.push:
                name = pointer.remote or chosen or remotes.settings().name
                groups.setdefault(name, []).append(NewData(one.file.commit, pointer.ref(path)))
    return groups


def missing_data_error(repo: Repository, name: str, wanted: Sequence[NewData]) -> MissingObjectError:
    """The error for data that is neither in the store nor, by local knowledge, on the remote `name`."""
    known = repo.remotes.catalog(name).known
    lost = [one for one in wanted if repo.store.missing_everywhere([one.root], known)] or wanted
    places = [f"{repo.layout.shown(one.root.path)} in commit {one.commit[:_SHORT]}" for one in lost]
    commits = {one.commit for one in lost}
    return MissingObjectError(
        f"the data of {count(len(commits), 'commit')} cannot be pushed: {join_limited(places)}",
        why=f"it is neither in the store nor on {name}",
        fix="`dver fetch -r` another remote that has it, or push from a clone that does",
    )
