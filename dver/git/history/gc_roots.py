"""The gc roots of a clone: pointers and locks of every commit that Git keeps, and of all worktrees' indexes and files.

A few git processes serve any number of commits. Anything unreadable raises an error that names it, because a gc must
know every reference before it deletes data.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.errors import CorruptError, RepositoryError
from dver.formats import lock, monitor_history, pointer
from dver.formats.monitor_history import is_history_path
from dver.git import pointers
from dver.git.git_repo import CommitId, GitRepo, describe_objects, run
from dver.git.pointers import PointerScan
from dver.git.revisions import rev_list
from dver.git.worktrees import Worktree, worktrees

_ID: Final = re.compile(rb"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")
_SYMBOLIC: Final = re.compile(rb"ref: refs/[^\0\r\n]+\n?")
_HEADS: Final = re.compile(rb"[A-Z_]+_HEAD|MERGE_AUTOSTASH|BISECT_[A-Z_]+")
"""Commits of operations in progress or done: MERGE_HEAD, CHERRY_PICK_HEAD, ORIG_HEAD and others."""
_HINTS: Final = re.compile(rb"(?:ORIG|FETCH|REBASE)_HEAD|BISECT_[A-Z_]+")
"""The heads that stay behind and may name commits that Git deleted since."""
_OPERATIONS: Final = (b"rebase-merge", b"rebase-apply", b"sequencer")
_OPERATION_HEADS: Final = frozenset((b"orig-head", b"onto", b"autostash", b"head"))
_EXPERIMENTS: Final = "refs/dver/experiments/"
"""The prefix of journals of experiments."""
_OWN_REFS: Final = (b"bisect", b"worktree", b"rewritten")
"""Below `refs/`: refs that each worktree has for itself."""
_TRIES: Final = 10
_PAUSE: Final = 0.05
"""Seconds before another try, while git makes or deletes a worktree."""
_STATE_MAX: Final = 1 << 20
"""The largest file of an operation in progress that is read, in bytes: patches may be larger."""


@dataclass(frozen=True, slots=True)
class GitRoots:
    """The gc roots of a clone. Paths of `blobs` are relative to the top of a worktree."""

    commits: tuple[CommitId, ...]
    """Every commit reachable from a ref, reflog, HEAD or operation in progress, in an order with similar neighbours."""
    blobs: Mapping[str, bytes]
    """Git's blob id of each pointer or lock in those commits or in an index, with one of its paths."""
    files: Mapping[Path, bytes]
    """The contents of pointers and locks on disk."""
    histories: Mapping[str, bytes]
    """Git's blob id of each monitor history in those commits or in an index, with one of its paths."""
    history_files: tuple[bytes, ...]
    """The contents of monitor histories on disk."""
    git_dirs: tuple[Path, ...]
    """The Git directory of each worktree."""
    folders: tuple[Path, ...]
    """The directory of each existing worktree."""


class CommitHolder(NamedTuple):
    """A file or reflog that keeps commits without a ref."""

    source: str
    """The file, relative to the Git directory, or the reflog."""
    commits: int
    """The number of commits kept and reachable from no ref. Several holders may keep the same commit."""


class _Tip(NamedTuple):
    """An object that a file of Git names."""

    id: str
    source: str
    required: bool


def read_roots(git: GitRepo) -> GitRoots:
    """The gc roots of the whole repository, for any of its projects and worktrees.

    Raises RepositoryError that names the unreadable ref, reflog, HEAD, index, worktree or file.
    """
    for _ in range(_TRIES):
        before = _linked_worktrees(git)
        try:
            return _read_roots(git, worktrees(git))
        except (RepositoryError, OSError):
            # Worktrees of queued experiments come and go at any time.
            time.sleep(_PAUSE)
            is_being_made = any(head.strip(b"0\n") == b"" for _, _, head in before)
            if before == _linked_worktrees(git) and not is_being_made:
                raise
    return _read_roots(git, worktrees(git))


def _linked_worktrees(git: GitRepo) -> set[tuple[Path, int, bytes]]:
    """The Git directory, inode and HEAD of each linked worktree.

    While git makes a worktree, its HEAD has only zeros, or nothing.
    """
    found: set[tuple[Path, int, bytes]] = set()
    with suppress(FileNotFoundError):
        for one in (git.common_dir / "worktrees").iterdir():
            with suppress(FileNotFoundError):
                found.add((one, one.stat().st_ino, _content(os.fsencode(one / "HEAD"))))
    return found


def _read_roots(git: GitRepo, found: Sequence[Worktree]) -> GitRoots:
    commits: dict[CommitId, None] = {}
    blobs: dict[str, bytes] = {}
    histories: dict[str, bytes] = {}
    with _explaining("the history"):
        for view in _views(git):
            listed = _commits(view, _existing(view, [tip for one in found for tip in _tips(one.git)]))
            commits.update(dict.fromkeys(listed))
            history = pointers.pointers_of_commits(view, _journals_last(view, listed), histories=True)
            for path, ids in history.items():
                (histories if is_history_path(path) else blobs).update(dict.fromkeys(ids, path))
    files: dict[Path, bytes] = {}
    history_files: list[bytes] = []
    for one in found:
        with _explaining(f"the index and the pointers of the worktree {os.fspath(one.git.worktree)!r}"):
            scan = _scan(one)
            top = os.fsencode(one.git.worktree)
            history_files += [_content(os.path.join(top, path)) for path in sorted(scan.others)]
        histories.update(scan.other_blobs)
        for path, file in scan.index.items():
            blobs.update(dict.fromkeys((file.blob, *file.sides.values()), path))
        files.update(
            (Path(os.fsdecode(os.path.join(top, path))), file.content)
            for path, file in scan.worktree.items()
            if file.content is not None
        )
    blobs.pop(pointers.blob_id(git, b""), None)  # `git add --intent-to-add` lists files as empty ones
    return GitRoots(
        tuple(commits),
        blobs,
        files,
        histories,
        tuple(history_files),
        tuple(one.git.git_dir for one in found),
        tuple(one.git.worktree for one in found if one.has_files),
    )


def read_pointer_blobs(git: GitRepo, blobs: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """The contents of `blobs` by path for messages, as far as their size is that of a pointer, lock or history.

    A replaced blob (`git replace`) comes twice: as stored, and as its replacement. Raises RepositoryError that names an
    unreadable blob.
    """
    for view in _views(git):
        small = []
        for blob, size in _sizes(view, blobs):
            if size is None:
                path = os.fsdecode(blobs[blob])
                raise _unreadable(f"the file {path!r}", f"Git's blob {blob} is absent or damaged")
            if size <= _most_bytes(blobs[blob]):
                small.append(blob)
        with _explaining("the pointers of the history"):
            yield from pointers.each_blob(view, small, max(lock.MAX_SIZE, monitor_history.MAX_SIZE))


def _most_bytes(path: bytes) -> int:
    if is_history_path(path):
        return monitor_history.MAX_SIZE
    return lock.MAX_SIZE if pointers.is_lock_path(path) else pointer.MAX_SIZE


def _views(git: GitRepo) -> list[GitRepo]:
    """The repository as stored, and, with replacements or grafts, as its user sees it.

    Git keeps both: a replaced object is pushed, and visible again once the replacement is deleted.
    """
    stored = replace(git, raw=True)
    return [stored, git] if _is_replaced(git) else [stored]


def _is_replaced(git: GitRepo) -> bool:
    """Whether objects may be replaced or grafted. Reading two files usually decides."""
    folder = git.common_dir
    if Path(os.environ.get("GIT_GRAFT_FILE") or folder / "info" / "grafts").is_file():
        return True
    if "GIT_REPLACE_REF_BASE" in os.environ or (folder / "reftable").is_dir():
        return bool(run(git, ["replace", "--list"]))
    loose = next(_files_below(os.fsencode(folder / "refs" / "replace")), None)
    return loose is not None or b" refs/replace/" in _content(os.fsencode(folder / "packed-refs"))


def unreachable_commits(git: GitRepo, reachable: Iterable[CommitId]) -> list[CommitId]:
    """Commits that Git still has and that are not `reachable`, newest first."""
    args = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectname)"]
    every = {line[7:].decode() for line in run(git, args).splitlines() if line.startswith(b"commit ")}
    rest = every.difference(reachable)
    return rev_list(git, ["--no-walk=sorted"], sorted(rest)) if rest else []


def holders_of(git: GitRepo) -> Iterator[CommitHolder]:
    """All holders of commits that no ref reaches, for `dver gc -v`."""
    stored = replace(git, raw=True)
    by_source: dict[str, list[str]] = {}
    for one in worktrees(git):
        for tip in _existing_tips(replace(one.git, raw=True)):
            source = tip.source.replace(f"{os.fspath(git.common_dir)}/", "")
            by_source.setdefault(source, []).append(tip.id)
    for source, tips in sorted(by_source.items()):
        listed = "".join(f"{tip}\n" for tip in tips).encode()
        count = int(run(stored, ["rev-list", "--count", "--stdin", "--not", "--all"], stdin=listed))
        if count:
            yield CommitHolder(source, count)


def _existing_tips(git: GitRepo) -> list[_Tip]:
    """The existing objects named by files of a worktree's Git directory."""
    tips = dict.fromkeys(_tips(git))
    existing = {tip for tip, size in _sizes(git, dict.fromkeys(tip.id for tip in tips)) if size is not None}
    return [tip for tip in tips if tip.id in existing]


def last_uses(git: GitRepo, commits: Sequence[CommitId]) -> dict[tuple[bytes, str], CommitId]:
    """The first of `commits` that has each pointer, given by path and blob id."""
    found: dict[tuple[bytes, str], CommitId] = {}
    if commits:
        for path, one in pointers.in_commit(git, commits[0]).items():
            found[path, one.blob] = commits[0]
    for commit, path, blob in pointers.new_in_each(git, commits):
        found.setdefault((path, blob), CommitId(commit))
    return found


def _scan(worktree: Worktree) -> PointerScan:
    """The pointers and histories in the index, and those on disk if the worktree exists."""
    if worktree.has_files:
        return pointers.scan_pointers(worktree.git, histories=True)
    blobs = pointers.histories_in_index(worktree.git)
    return PointerScan(pointers.in_index(worktree.git), {}, other_blobs=blobs)


# -- commits


def _commits(git: GitRepo, tips: Iterable[str]) -> list[CommitId]:
    how = ["--topo-order", "--all"]
    if (git.common_dir / "reftable").is_dir():
        how.append("--reflog")  # otherwise we read the logs: git leaves out that of a HEAD without commits
    return rev_list(git, how, tips, strict=True)


def _journals_last(git: GitRepo, commits: Sequence[CommitId]) -> list[CommitId]:
    """`commits` with the entries of journals at the end: with other files, they would not be similar to neighbours."""
    entries = set(rev_list(git, ["--first-parent", f"--glob={_EXPERIMENTS}"], []))
    return sorted(commits, key=lambda one: one in entries)


def _existing(git: GitRepo, tips: Iterable[_Tip]) -> list[str]:
    """The existing objects, each once. Raises RepositoryError for a missing object that is required."""
    by_id: dict[str, _Tip] = {}
    for tip in tips:
        if tip.id.strip("0") and not (tip.id in by_id and by_id[tip.id].required):
            by_id[tip.id] = tip
    existing = []
    for blob, size in _sizes(git, by_id):
        if size is not None:
            existing.append(blob)
        elif by_id[blob].required:
            raise _unreadable(by_id[blob].source, f"it names {blob}, which Git does not have")
    return existing


def _sizes(git: GitRepo, ids: Iterable[str]) -> Iterator[tuple[str, int | None]]:
    """The size of each object; None for one that Git cannot find."""
    listed = list(ids)
    lines = describe_objects(git, listed, "%(objectsize)")
    if len(lines) != len(listed):
        raise _unreadable("Git's objects", "git cat-file broke off")
    for one, line in zip(listed, lines, strict=True):
        yield one, int(line) if line.isdigit() else None


def _tips(git: GitRepo) -> Iterator[_Tip]:
    """The objects named by files of a worktree's Git directory: HEAD, operations in progress, own refs, logs."""
    folder = os.fsencode(git.git_dir)
    yield from _head(folder)
    with os.scandir(folder) as listing:
        names = [entry.name for entry in listing]
    for name in sorted(names):
        if _HEADS.fullmatch(name):
            yield from _named_in(os.path.join(folder, name), required=not _HINTS.fullmatch(name))
    for operation in _OPERATIONS:
        for path in _files_below(os.path.join(folder, operation)):
            yield from _named_in(path, required=os.path.basename(path) in _OPERATION_HEADS)
    for kind in _OWN_REFS:
        for path in _files_below(os.path.join(folder, b"refs", kind)):
            yield from _named_in(path, required=True)
    for path in _files_below(os.path.join(folder, b"logs")):
        yield from _logged_in(path)


def _head(folder: bytes) -> Iterator[_Tip]:
    path = os.path.join(folder, b"HEAD")
    content = _content(path)
    if _SYMBOLIC.fullmatch(content):
        return  # a branch, which is a ref, or none yet
    if not _ID.fullmatch(content.strip()):
        raise _unreadable(os.fsdecode(path), "it names neither a branch nor a commit")
    yield _Tip(content.decode().strip(), os.fsdecode(path), True)


def _named_in(path: bytes, *, required: bool) -> Iterator[_Tip]:
    content = _content(path)
    if len(content) <= _STATE_MAX:
        for match in _ID.findall(content):
            yield _Tip(match.decode(), os.fsdecode(path), required)


def _logged_in(path: bytes) -> Iterator[_Tip]:
    """The commits of a reflog: each line starts with the old and the new one."""
    for line in _content(path).splitlines():
        for match in line.split(b" ", 2)[:2]:
            if not _ID.fullmatch(match):
                raise _unreadable(f"the reflog {os.fsdecode(path)!r}", f"it has the line {os.fsdecode(line[:80])!r}")
            yield _Tip(match.decode(), f"the reflog {os.fsdecode(path)!r}", True)


def _files_below(folder: bytes) -> Iterator[bytes]:
    for place, _, names in os.walk(folder, onerror=_refuse):
        yield from (os.path.join(place, name) for name in sorted(names))


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _content(path: bytes) -> bytes:
    """The content of a file of Git; empty if it was just deleted. Raises RepositoryError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _unreadable(repr(os.fsdecode(path)), error.strerror or str(error)) from error


@contextmanager
def _explaining(what: str) -> Iterator[None]:
    try:
        yield
    except (RepositoryError, CorruptError) as error:
        if error.what.startswith(_CANNOT):
            raise
        raise _unreadable(what, f"{error.what}: {error.why}" if error.why else error.what) from error


_CANNOT: Final = "cannot determine which data this clone needs: "


def _unreadable(what: str, why: str) -> RepositoryError:
    return RepositoryError(
        f"{_CANNOT}{what} cannot be read",
        why=why,
        fix="find the damage with `git fsck`; repair reflogs with `git reflog expire --stale-fix --all`",
    )
