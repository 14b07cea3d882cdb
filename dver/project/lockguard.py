"""Lock files in commits: whether they can be read, agree with what is beside them, and have their data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from dver.core.errors import ConflictError, CorruptError
from dver.core.oid import Oid
from dver.core.words import typed
from dver.formats import lock as lock_format
from dver.formats.lock import Item, Lock
from dver.project.guard import Problem, missing
from dver.project.targets import SUFFIX, Tracked
from dver.repo import Repository
from dver.scm.git import GitRepo, run
from dver.scm.index import tracked_under
from dver.scm.staged import StagedFile, bases
from dver.store.closure import Root

NAME = os.fsencode(lock_format.NAME)


def is_lock_path(path: bytes) -> bool:
    """Is `path` that of a lock file?"""
    return os.path.basename(path) == NAME


def place_of(lock_path: bytes, item: Item) -> bytes:
    """Where the output or dependency `item` of a lock file is, relative to the top of the Git worktree."""
    return os.path.normpath(os.path.join(os.path.dirname(lock_path), os.fsencode(item.path)))


def lock_problems(
    repo: Repository, locks: Iterable[StagedFile], pointers: Mapping[bytes, Tracked], staged: Sequence[bytes]
) -> list[Problem]:
    """What is wrong with the lock files that are staged. `pointers` are those of the index, by the path of their data;
    `staged` all paths that are staged."""
    problems: list[Problem] = []
    for file in locks:
        try:
            lock = lock_format.decode(run(repo.git, ["cat-file", "blob", file.blob]))
        except (CorruptError, ConflictError) as error:
            problems.append(Problem(file.path, f"it is {error.what}", error.why, error.fix))
            continue
        before = [_at(repo.git, base, file.path) for base in bases(repo.git)]
        fresh = Lock({name: stage for name, stage in lock.stages.items() if _is_new(name, lock, before)})
        problems += _disagreeing(repo, file.path, _comparable(file.path, lock, fresh, staged), pointers)
        problems += _without_data(repo, file.path, fresh)
    return problems


def outs_of(git: GitRepo, commit: str, lock_path: bytes, lock: Lock) -> Iterator[Root]:
    """The outputs whose data the lock file alone stands for in `commit`: neither Git has them, nor has a pointer."""
    items = [item for stage in lock.stages.values() for item in stage.outs if item.cache and item.push]
    outs = {place_of(lock_path, item): item for item in items}
    if not outs:
        return
    asked = [one for path in outs for one in (path, path + SUFFIX)]
    known = set(run(git, ["ls-tree", "-z", "--name-only", commit, "--", *asked]).split(b"\0"))
    for path, item in outs.items():
        if path not in known and path + SUFFIX not in known:
            yield Root(item.oid, item.kind, path, item.size)


def _is_new(name: str, lock: Lock, before: Iterable[Lock]) -> bool:
    return all(other.stages.get(name) != lock.stages[name] for other in before)


def _at(git: GitRepo, commit: str, path: bytes) -> Lock:
    """The lock file as a commit has it; an empty one where it has none that can be read."""
    content = run(git, ["cat-file", "blob", os.fsencode(commit) + b":" + path], ok=(0, 128))
    with suppress(CorruptError, ConflictError):
        return lock_format.decode(content)
    return Lock()


def _comparable(path: bytes, lock: Lock, fresh: Lock, staged: Sequence[bytes]) -> Iterator[tuple[str, Item]]:
    """What has to agree with its pointer: all that stages name that were run, and the outputs of others whose pointer
    is staged with the lock. (A dependency that changed since only means that a stage is to be run again.)"""
    beside = set(staged)
    for name, stage in lock.stages.items():
        if name in fresh.stages:
            yield from ((name, item) for item in (*stage.deps, *stage.outs))
        else:
            yield from ((name, item) for item in stage.outs if place_of(path, item) + SUFFIX in beside)


def _disagreeing(
    repo: Repository, lock_path: bytes, items: Iterable[tuple[str, Item]], pointers: Mapping[bytes, Tracked]
) -> Iterator[Problem]:
    for name, item in items:
        place = place_of(lock_path, item)
        other = pointers.get(place)
        if other is not None and (other.pointer.oid, other.pointer.kind) != (item.oid, item.kind):
            pointer = repo.shown(other.pointer_path)
            yield Problem(
                lock_path,
                f"stage {name} and the pointer {pointer} tell of different content",
                f"the lock has {_short(item.oid)}, the pointer {_short(other.pointer.oid)}",
                f"stage both as one run has left them: git add -- {typed(repo.shown(lock_path))} {typed(pointer)}",
            )


def _without_data(repo: Repository, lock_path: bytes, fresh: Lock) -> Iterator[Problem]:
    items = [item for stage in fresh.stages.values() for item in stage.outs if item.cache]
    outs = {place_of(lock_path, item): item for item in items}
    if not outs:
        return
    in_git = set(tracked_under(repo.git, *outs))  # outputs that are not cached are Git's
    roots = [Root(item.oid, item.kind, path, item.size) for path, item in outs.items() if path not in in_git]
    for root in roots:
        if missing(repo, [root]):
            shown = repo.shown(root.path)
            yield Problem(
                lock_path,
                f"the data of the output {shown} is not in the store",
                "it is on no remote that is known here either",
                f"dver fetch {typed(shown)}, or run its stage again",
            )


def _short(oid: Oid) -> str:
    return str(oid)[:19]
