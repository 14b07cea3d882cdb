"""Checks of staged pointers and files before a commit: each problem comes with its fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dver.core.errors import ConflictError, CorruptError
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.formats.objectref import ObjectRef
from dver.git.pointers import MAX_BLOB, PointerFile
from dver.git.revisions import head
from dver.git.staged import StagedFile, was_committed
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.tracking.availability import availability_of
from dver.tracking.lock_outputs import Maker
from dver.tracking.targets import TrackedData, ancestors, decode_files, tracked_in_commit


class CommitProblem(NamedTuple):
    """A reason why a commit is refused. `path` is relative to the top of the Git worktree."""

    path: bytes
    what: str
    why: str | None
    fix: str | None


def read_staged(
    repo: Repository, files: Iterable[StagedFile], contents: Mapping[str, bytes]
) -> tuple[dict[bytes, TrackedData], list[CommitProblem]]:
    """The pointers among `files` by data path, and a problem for each that cannot be read."""
    tracked: dict[bytes, TrackedData] = {}
    problems: list[CommitProblem] = []
    for file in files:
        try:
            if file.blob not in contents:
                raise CorruptError(
                    "a pointer that is too large",
                    why=f"it has {file.size} bytes, a pointer at most {MAX_BLOB}",
                    fix="rename it: names that end in .dver are for pointers",
                )
            tracked.update(decode_files(repo, {file.path: PointerFile(file.blob, contents[file.blob])}))
        except (CorruptError, ConflictError) as error:
            problems.append(CommitProblem(file.path, error.what, error.why, error.fix))
    return tracked, problems


def pointers_without_data(
    repo: Repository, tracked: Mapping[bytes, TrackedData], files: Mapping[bytes, StagedFile]
) -> list[CommitProblem]:
    """A problem for each pointer whose data is neither in the store nor on a known remote.

    Pointers that a commit already had are skipped: their data exists elsewhere, for example after a revert in a clone
    that never pulled it.
    """
    if not tracked:
        return []
    in_store = availability_of(repo, [one.pointer for one in tracked.values()]).in_store
    missing = [one for one in tracked.values() if one.pointer.oid not in in_store]
    if not missing:
        return []
    known = missing_objects(repo, [one.ref for one in _before(repo, missing)])
    return [
        _no_data(repo.layout, one)
        for one in missing
        if missing_objects(repo, [one.ref]) - known and not was_committed(repo.git, files[one.source])
    ]


def missing_objects(repo: Repository, roots: Iterable[ObjectRef]) -> set[Oid]:
    """The objects reachable from `roots` that are neither in the store nor on a remote, by local knowledge."""
    mirrors = [repo.remotes.mirror(name) for name in repo.config.remote_names]
    return {one.oid for one in repo.store.missing_everywhere(roots, *(mirror.known for mirror in mirrors))}


def _before(repo: Repository, tracked: Iterable[TrackedData]) -> list[TrackedData]:
    """The data of HEAD at the paths of `tracked`. Of a partial directory, the rest may be missing."""
    commit = head(repo.git)
    if commit is None:
        return []
    before = tracked_in_commit(repo, commit)
    return [before[one.path] for one in tracked if one.path in before]


def _no_data(layout: Layout, one: TrackedData) -> CommitProblem:
    shown = quoted(layout.shown(one.path))
    return CommitProblem(
        one.source,
        "its data is not in the store",
        "the commit could not be checked out: its data is not on a known remote either",
        f"dver add {shown}, if you have the data; dver fetch {shown}, if others pushed it",
    )


def too_large(repo: Repository, files: Iterable[StagedFile]) -> list[CommitProblem]:
    """A problem for each file larger than `hooks.max_file_size` that Git does not have yet."""
    limit = repo.config.max_file_size
    return [_too_large(repo, file) for file in files if file.size > limit and not was_committed(repo.git, file)]


def _too_large(repo: Repository, file: StagedFile) -> CommitProblem:
    shown = quoted(repo.layout.shown(file.path))
    return CommitProblem(
        file.path,
        f"{file.size:,} bytes would go into Git itself",
        f"every clone would keep them forever; hooks.max_file_size is {repo.config.get('hooks.max_file_size')}",
        f"git rm -q --cached -- {shown} && dver add {shown}",
    )


def tracked_twice(repo: Repository, data: Mapping[bytes, Maker | None], in_git: Sequence[bytes]) -> list[CommitProblem]:
    """A problem for each tracked data path that Git tracks too, or that contains a file in Git.

    `data` maps data paths to the stage that produces them, if any; `in_git` are the files in Git's index.
    """
    found: dict[bytes, bytes] = {}
    for path in in_git:
        for place in ancestors(path):
            if place in data:
                found.setdefault(place, path)
    return [_twice(repo, place, path, data[place]) for place, path in sorted(found.items())]


def _twice(repo: Repository, place: bytes, path: bytes, maker: Maker | None) -> CommitProblem:
    shown = quoted(repo.layout.shown(place))
    recursive = "" if place == path else "-r "
    why, leaving = f"the pointer {repo.layout.shown(place)}.dver already tracks it", f"dver remove {shown}"
    if maker is not None:
        why = f"it is an output of stage {maker.shown(repo)}, which {repo.layout.shown(maker.lock)} names"
        leaving = "set `cache: false` for it in dver.yaml, then run dver repro"
    return CommitProblem(
        path,
        "it is tracked by Git and by dver",
        why,
        f"git rm -q {recursive}--cached -- {shown}, or, to leave it to Git: {leaving}",
    )
