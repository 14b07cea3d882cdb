"""Staged changes: the differences of the next commit to its parents."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.git import revisions
from dver.git.file_changes import staged_changes
from dver.git.git_repo import Arg, GitRepo, describe_objects, run
from dver.git.pointers import MAX_BLOB, read_blobs

_SOURCES: Final = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD")
"""Files of the Git directory that name further parents of the next commit, besides HEAD."""


class StagedFile(NamedTuple):
    """A regular file of the next commit that differs from all of its parents."""

    path: bytes
    blob: str
    size: int
    """The size in bytes."""


class Staged(NamedTuple):
    """The changes of the next commit."""

    files: Mapping[bytes, StagedFile]
    deleted: frozenset[bytes]


def staged(git: GitRepo) -> Staged:
    """The changes against HEAD; in a merge, cherry-pick or rebase against the other parents too.

    Uses the index that Git's environment names, as hooks of `git commit -a` and `git commit PATH` need it.
    """
    first, *others = [_against(git, base) for base in bases(git) or (None,)]
    new = {path: blob for path, blob in first.items() if all(other.get(path, "") == blob for other in others)}
    sizes = _sizes(git, {blob for blob in new.values() if blob is not None})
    files = {
        path: StagedFile(path, blob, sizes[blob]) for path, blob in new.items() if blob is not None and blob in sizes
    }
    return Staged(files, frozenset(path for path, blob in new.items() if blob is None))


def recorded_by_commit(git: GitRepo, paths: Iterable[bytes]) -> list[bytes]:
    """The `paths` whose index version differs from HEAD, so that `git commit` records them."""
    changed = _against(git, revisions.head(git))
    return [path for path in paths if path in changed]


def bases(git: GitRepo) -> list[str]:
    """The parents of the next commit: HEAD, and in a merge, cherry-pick or rebase the others.

    Empty before the first commit.
    """
    commit = revisions.head(git)
    return [] if commit is None else [commit, *_sources(git)]


def contents_of(git: GitRepo, files: Iterable[StagedFile]) -> dict[str, bytes]:
    """The contents of `files` by blob, as far as their size is that of a pointer or lock.

    Raises CorruptError for one that Git cannot read.
    """
    return read_blobs(git, [file.blob for file in files if file.size <= MAX_BLOB])


def was_committed(git: GitRepo, file: StagedFile) -> bool:
    """Whether any commit reachable from a ref has this very content, at any path."""
    return bool(run(git, ["log", "-1", "--all", "--format=%H", f"--find-object={file.blob}"]))


def also_in_real_index(git: GitRepo, paths: Sequence[bytes]) -> None:
    """Stage `paths` in the index that Git uses after `git commit PATH`.

    Git makes such a commit from a temporary index, into which the hook stages. The real index waits, complete, in
    `index.lock`, and would otherwise keep the old versions.
    """
    used = os.environ.get("GIT_INDEX_FILE", "")
    waiting = git.git_dir / "index.lock"
    if not paths or not os.path.basename(used).startswith("next-index-") or not waiting.exists():
        return
    listed = b"".join(path + b"\0" for path in paths)
    args: list[Arg] = ["add", "--pathspec-from-file=-", "--pathspec-file-nul"]
    run(git, args, stdin=listed, env={"GIT_INDEX_FILE": str(waiting)})


def _against(git: GitRepo, base: str | None) -> dict[bytes, str | None]:
    """The blob of each path that differs between `base` and the index; None for a deleted file."""
    changes = staged_changes(git, base)
    return {one.path: one.new for one in changes if one.new is not None or one.is_deleted}


def _sources(git: GitRepo) -> list[str]:
    found: list[str] = []
    for name in _SOURCES:
        try:
            found += (git.git_dir / name).read_text("ascii", "replace").split()
        except FileNotFoundError:
            continue
    return found


def _sizes(git: GitRepo, blobs: Iterable[str]) -> dict[str, int]:
    """The size of each of `blobs`, in bytes."""
    sizes: dict[str, int] = {}
    for line in describe_objects(git, sorted(blobs), "%(objectname) %(objectsize)"):
        blob, size = line.split(" ")
        if not size.isdecimal():
            raise CorruptError(f"Git cannot read its blob {blob}", why="it is absent", fix="git fsck")
        sizes[blob] = int(size)
    return sizes
