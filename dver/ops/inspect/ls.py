"""`dver ls`: list tracked data on disk or of a revision, from pointers and the store alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dver.core.display import Displayed
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.repo import Repository
from dver.store.trees.compare import join, leaves
from dver.tracking.browse import entry_at, reader_of, target_at, tracked_at
from dver.tracking.targets import (
    Target,
    TrackedData,
    resolve_data_path,
    select_targets,
    target_containing,
    tracked_below,
)


class ListedPath(NamedTuple):
    """One line. `path` is relative to the top of the Git worktree; `size` in bytes; `files` counts files below."""

    path: bytes
    kind: Kind
    size: int
    files: int
    oid: Oid
    pointer: bool
    """Whether the data has a pointer of its own."""


@dataclass(frozen=True, slots=True, repr=False)
class LsResult(Displayed):
    """The lines, sorted by path."""

    rev: str | None
    entries: tuple[ListedPath, ...]


def ls(
    repo: Repository, paths: Sequence[str] = (), *, cwd: Path, rev: str | None = None, recursive: bool = False
) -> LsResult:
    """The tracked data at or below `paths` (default: the directory `cwd`), on disk or in the commit `rev`.

    A named tracked directory is listed entry by entry; `recursive` lists all files, links and empty directories. Does
    not read the workspace's data. Raises UsageError for an untracked path, MissingObjectError for a directory that is
    not in the store.
    """
    tracked = tracked_at(repo, rev)
    found: dict[bytes, ListedPath] = {}
    for text in paths or (".",):
        for target, opened in _targets(repo, tracked, text, cwd, quiet=not paths):
            for one in _below(repo, target, opened=opened, rev=rev, recursive=recursive):
                found[one.path] = one
    return LsResult(rev, tuple(found[path] for path in sorted(found)))


def _targets(
    repo: Repository, tracked: Mapping[bytes, TrackedData], text: str, cwd: Path, *, quiet: bool
) -> list[tuple[Target, bool]]:
    """The targets of `text`, and whether to list its entries; with `quiet`, none for an untracked path."""
    path = resolve_data_path(repo, text, cwd)
    if quiet and not tracked_below(tracked, path) and not target_containing(tracked, path):
        return []
    named = target_at(repo, tracked, text, cwd)
    return [(named, True)] if named else [(target, False) for target in select_targets(repo, tracked, [text], cwd)]


def _below(repo: Repository, target: Target, *, opened: bool, rev: str | None, recursive: bool) -> Iterator[ListedPath]:
    entry = entry_at(repo, target, rev=rev)
    if entry.kind is not Kind.DIRECTORY or not (opened or recursive):
        yield _line(target.path, entry, pointer=not target.inside)
        return
    read = reader_of(repo, target, rev=rev)
    if recursive:
        yield from (_line(path, leaf) for path, leaf in leaves(entry, read, path=target.path))
    else:
        yield from (_line(join(target.path, child.name), child) for child in read(entry.oid))


def _line(path: bytes, entry: Entry, *, pointer: bool = False) -> ListedPath:
    return ListedPath(path, entry.kind, entry.size, entry.files, entry.oid, pointer)
