"""What is checked: the content of the workspace before it is recorded, or content that a pointer or a lock records."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from dver.core.progress import Progress
from dver.formats.tree import Entry, Kind
from dver.profile_cache.content_profile import make_profile
from dver.profile_cache.data_content import DataContent
from dver.profile_cache.privacy import private_columns
from dver.profile_cache.profiles import Found, known_profile, profile_of
from dver.repo import Repository
from dver.store.trees.compare import TreeReader, find, join
from dver.tracking.browse import reader_of
from dver.tracking.targets import Target, TrackedData


class CheckedContent(Protocol):
    """The content of one path."""

    @property
    def entry(self) -> Entry:
        """Its oid, kind and size."""

    def profile(self) -> Found:
        """Its profile, known or made; nothing is stored. Raises MissingObjectError and the errors of the profiler."""

    def data(self) -> DataContent | None:
        """Its files; None for those of the workspace."""


@dataclass
class WorkspaceContent:
    """The content of a path in the workspace."""

    repo: Repository
    path: bytes
    progress: Progress
    _found: Found | None = field(default=None, init=False)

    @property
    def entry(self) -> Entry:
        """See `CheckedContent`."""
        return self.profile().entry

    def profile(self) -> Found:
        """See `CheckedContent`."""
        if self._found is None:
            place = os.fsdecode(self.repo.layout.absolute(self.path))
            self._found = profile_of(self.repo, place, keep=False, progress=self.progress)
        return self._found

    def data(self) -> None:
        """See `CheckedContent`."""


@dataclass
class RecordedContent:
    """Content that a pointer or a lock records, also if the workspace has other content by now."""

    repo: Repository
    path: bytes
    entry: Entry
    target: Target
    rev: str | None
    """The commit that records it; None for the index and for pointers on disk."""
    progress: Progress
    _found: Found | None = field(default=None, init=False)

    def profile(self) -> Found:
        """See `CheckedContent`."""
        if self._found is None:
            name = None if self.entry.kind is Kind.DIRECTORY else os.path.basename(self.path)
            made = None
            profile = known_profile(self.repo, self.entry.oid, name)
            if profile is None:
                hidden = private_columns(self.repo)
                made = make_profile(self.repo, self.data(), hidden, stores=False, progress=self.progress)
                profile = made.profile
            self._found = Found(profile, self.path, self.entry, 0, self.rev, made.table_files if made else None, made)
        return self._found

    def data(self) -> DataContent:
        """See `CheckedContent`."""
        return DataContent(self.path, self.entry, reader_of(self.repo, self.target), self.target, self.rev, False)


def recorded_content(
    repo: Repository, data: TrackedData, path: bytes, rev: str | None, progress: Progress
) -> RecordedContent | None:
    """The content at `path`, at or below `data`; None if it has nothing there. Raises MissingObjectError."""
    inside = tuple(path[len(data.path) + 1 :].split(b"/")) if path != data.path else ()
    target = Target(data, inside)
    entry = find(data.entry, inside, reader_of(repo, target))
    return RecordedContent(repo, path, entry, target, rev, progress) if entry is not None else None


def recorded_paths(
    repo: Repository, data: Iterable[TrackedData], is_wanted: Callable[[bytes], bool], *, rev: str | None = None
) -> Iterator[bytes]:
    """The paths of `data` and of all files and directories in it, as the pointers or locks of `rev` record them.

    Of a directory that is not wanted, only its own path. Raises MissingObjectError for a listing that is not here.
    """
    for one in data:
        yield from _paths(one.entry, one.path, reader_of(repo, Target(one), rev=rev), is_wanted)


def _paths(entry: Entry, path: bytes, read: TreeReader, is_wanted: Callable[[bytes], bool]) -> Iterator[bytes]:
    yield path
    if entry.kind is Kind.DIRECTORY and is_wanted(path):
        for one in read(entry.oid):
            yield from _paths(one, join(path, one.name), read, is_wanted)
