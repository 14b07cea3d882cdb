"""Outputs in lock files, as tracked data, and the fix for a file that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, NoReturn

from dver.core.errors import ConflictError, CorruptError, NewerVersionError
from dver.core.phrasing import quoted
from dver.formats import lock as lock_format
from dver.formats.lock import Lock, LockedItem
from dver.formats.tree import forbidden_name
from dver.git.index import is_committed
from dver.repo import PROJECT_DIR, Repository
from dver.repo.layout import Layout

DecodeLock = Callable[[bytes], Lock]


class Maker(NamedTuple):
    """The stage that produced an output, and its lock file."""

    stage: str
    lock: bytes

    def shown(self, repo: Repository) -> str:
        """The address of the stage, as users type it."""
        from dver.pipelines.engine.graph import Address  # for messages only

        return str(Address(os.fsdecode(os.path.dirname(self.lock)), self.stage, repo.layout.subdirectory))


def cached_outputs(lock: Lock) -> Iterator[tuple[str, LockedItem]]:
    """The cached outputs of all stages, each with the name of its stage."""
    return ((name, item) for name, stage in lock.stages.items() for item in stage.outs if item.cache)


def read_lock(repo: Repository, lock_path: bytes, content: bytes, decode: DecodeLock = lock_format.decode) -> Lock:
    """Decode the lock file `lock_path`. Errors name the file. `decode` may remember what it has read."""
    try:
        return decode(content)
    except (CorruptError, ConflictError) as error:
        shown = repo.layout.shown(lock_path)
        remedy = f"{restore_fix(repo, lock_path)}, or delete it and run `dver repro`"
        raise type(error)(
            f"cannot read the lock {shown!r}",
            why=f"it is {error.what}" + (f": {error.why}" if error.why else ""),
            fix=error.fix if isinstance(error, (ConflictError, NewerVersionError)) else remedy,
        ) from error


def output_path(lock_path: bytes, item: LockedItem) -> bytes:
    """The path of a dependency or output of a lock file, relative to the top of the Git worktree.

    Raises CorruptError for a path that no file can have.
    """
    try:
        return os.path.normpath(os.path.join(os.path.dirname(lock_path), os.fsencode(item.path)))
    except UnicodeEncodeError:  # half of a character, which JSON can write
        raise CorruptError("a lock file with a path that no file can have", why=f"{item.path!r} is not text") from None


def checked_output_path(layout: Layout, lock_path: bytes, stage: str, item: LockedItem) -> bytes:
    """The `output_path` of an output of `stage`. Raises CorruptError for a path where no data may be."""
    try:
        place = output_path(lock_path, item)
    except CorruptError:
        _refuse(layout, lock_path, stage, item, "it is not text")
    for name in place.split(b"/"):
        reason = "it belongs to dver" if name == _PROJECT_FOLDER else forbidden_name(name)
        if reason is not None:
            _refuse(layout, lock_path, stage, item, "it is outside of the repository" if name == b".." else reason)
    return place


_PROJECT_FOLDER: Final = os.fsencode(PROJECT_DIR)


def _refuse(layout: Layout, lock_path: bytes, stage: str, item: LockedItem, reason: str) -> NoReturn:
    shown = layout.shown(lock_path)
    raise CorruptError(
        f"the lock {shown!r} has the output {item.path!r} of stage {stage!r}",
        why=f"{reason}, so no data can be there",
        fix=f"delete the lines of that stage, or the whole file: git rm -f -- {quoted(shown)}",
    )


def restore_fix(repo: Repository, path: bytes) -> str:
    """The command that restores the file `path` from HEAD, or from an older commit if HEAD has the same bad file."""
    shown = quoted(repo.layout.shown(path))
    if not is_committed(repo.git, path):
        return f"restore it with `git checkout HEAD -- {shown}`"
    return f"restore an older version: `git log --oneline -- {shown}` lists them, `git checkout COMMIT -- {shown}`"
