"""Reads of tracked data without the workspace: from pointers on disk or in a commit, and trees in the store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dver.core.errors import CorruptError, MissingObjectError, UsageError
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.formats.tree import Entry
from dver.git import revisions
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.store.trees.compare import TreeReader, find
from dver.tracking.directory_listings import DirectoryReader
from dver.tracking.partial_directories import is_partial
from dver.tracking.targets import (
    SUFFIX,
    Target,
    TrackedData,
    resolve_data_path,
    select_targets,
    tracked_in_commit,
    tracked_in_worktree,
)


def tracked_at(repo: Repository, rev: str | None) -> dict[bytes, TrackedData]:
    """The data that is tracked at `rev`, or by the pointers on disk if `rev` is None."""
    return tracked_in_worktree(repo) if rev is None else tracked_in_commit(repo, revisions.resolve(repo.git, rev))


def target_at(repo: Repository, tracked: Mapping[bytes, TrackedData], text: str, cwd: Path) -> Target | None:
    """The target that `text`, typed in `cwd`, names itself.

    None for a directory that only contains tracked data. Raises UsageError if it contains none either.
    """
    path = resolve_data_path(repo, text, cwd)
    found = select_targets(repo, tracked, [text], cwd)
    return next((target for target in found if target.path in (path, path.removesuffix(SUFFIX))), None)


def entry_at(repo: Repository, target: Target, *, rev: str | None = None) -> Entry:
    """The entry of `target`. Raises UsageError if it does not exist, and the errors of `reader_of`."""
    entry = find(target.tracked.entry, target.inside, reader_of(repo, target, rev=rev))
    if entry is None:
        raise not_found_error(repo.layout, target, rev=rev)
    return entry


def not_found_error(layout: Layout, target: Target, *, rev: str | None = None) -> UsageError:
    """The error for a path that does not exist in a tracked directory."""
    whole = layout.shown(target.tracked.path)
    return UsageError(
        f"{layout.shown(target.path)!r} does not exist in the tracked data",
        why=f"{whole!r} has no such entry" + (f" at {rev}" if rev else ""),
        fix=f"`dver ls -R{_at(rev)} {quoted(whole)}` lists its files",
    )


def _at(rev: str | None) -> str:
    return f" --rev {quoted(rev)}" if rev else ""


def reader_of(repo: Repository, target: Target, *, rev: str | None = None) -> TreeReader:
    """A reader of the directories of `target`, with errors as `explain_errors` words them.

    Missing directory listings are downloaded if only a part of the data is in the workspace.
    """
    one = target.tracked
    if repo.layout.exists(one.path) and is_partial(repo.state, one.path, one.entry):
        return DirectoryReader(repo, one)

    def read(oid: Oid) -> Sequence[Entry]:
        with explain_errors(repo, target, rev=rev):
            return repo.store.tree(oid)

    return read


@contextmanager
def explain_errors(repo: Repository, target: Target, *, rev: str | None = None) -> Iterator[None]:
    """Reword errors of the store for users, with the path and the command that fixes it."""
    path = repo.layout.shown(target.path)
    try:
        yield
    except MissingObjectError as error:
        fetch = f"dver fetch{_at(rev)} {quoted(path)}"
        why = "it was never fetched, or was deleted"
        former = repo.former_store_dir
        if former is not None:
            why = f"it may be in the store that this clone used before, {os.fspath(former)!r}"
            fetch += f"; or dver fsck --repair --from {quoted(os.fspath(former))}"
        raise MissingObjectError(f"the content of {path!r} is not in the store", why=why, fix=fetch) from error
    except CorruptError as error:
        raise CorruptError(f"the store's copy of {path!r} is damaged", why=error.what, fix=error.fix) from error
