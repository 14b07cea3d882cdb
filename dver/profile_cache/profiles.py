"""The profiles of a project's data: found in the store, or made and kept there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from dver.core.display import Displayed
from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats.profile import Profile
from dver.formats.tree import Entry, Kind
from dver.profile_cache.content_profile import MadeProfile, command_for, keep_made, make_profile
from dver.profile_cache.data_content import DataContent, content_at
from dver.profile_cache.errors import NoProfileError
from dver.profile_cache.file_profiles import (
    DIRECTORY,
    command,
    content_format,
    directory_profiles,
    file_name,
    format_of,
    known_files,
)
from dver.profile_cache.privacy import has_stale, has_values, private_columns, redacted
from dver.profile_cache.stored_profiles import profile_blob, stored_profile
from dver.profile_cache.table_profiles import TableFiles
from dver.repo import Repository
from dver.tracking.targets import resolve_data_path


@dataclass(frozen=True, slots=True, repr=False)
class Found(Displayed):
    """A profile of data of the project."""

    profile: Profile
    path: bytes
    """Relative to the top of the Git worktree."""
    entry: Entry
    """The data: its oid, kind, size and number of files."""
    scanned_files: int
    """The files that were read for it. The profiles of the others were known."""
    rev: str | None = None
    table_files: TableFiles | None = field(default=None, repr=False, compare=False)
    """The tables of each collection, if the profile was made now."""
    made: MadeProfile | None = field(default=None, repr=False, compare=False)
    """The profile to keep, if it was made with `keep` off."""

    @property
    def oid(self) -> Oid:
        """The oid of the data."""
        return self.entry.oid


def profile_of(
    repo: Repository,
    path: str,
    *,
    cwd: Path | None = None,
    rev: str | None = None,
    allow_scan: bool = True,
    keep: bool = True,
    private: frozenset[str] = frozenset(),
    progress: Progress = SILENT,
) -> Found:
    """The profile of the data at `path`: of the workspace if it has it, else of its pointer; or of `rev`.

    Made from the data if it is not known, and kept in the store; with `keep` off, nothing is stored. There are no
    values of the columns `private`, and of those in the setting `profile.private`. Raises NoProfileError if neither
    the profile nor the data is here, or may be read; UsageError for a path without data; the errors of the profiler.
    """
    start = cwd or repo.root
    try:
        data = content_at(repo, path, start, rev=rev, progress=progress)
    except MissingObjectError as error:  # the listing of a directory
        raise NoProfileError.of(repo, resolve_data_path(repo, path, start), rev) from error
    hidden = private | private_columns(repo)
    known = _known(repo, data)
    if known is not None and not has_stale(known, hidden) and not has_values(known, hidden):
        return _found(data, known, 0)
    if allow_scan:
        try:
            made = make_profile(repo, data, hidden, stores=keep, progress=progress)
            found = replace(_found(data, made.profile, made.scanned_files), table_files=made.table_files)
            return found if keep else replace(found, made=made)
        except MissingObjectError as error:
            if known is None:
                raise NoProfileError.of(repo, data.path, rev) from error
    if known is None:
        raise NoProfileError.of(repo, data.path, rev)
    return _found(data, redacted(known, hidden), 0)  # the data is not here: a column too few is better than none


def known_profile(repo: Repository, content: Oid, name: bytes | None) -> Profile | None:
    """The stored profile of `content`, a file called `name`, or a directory if that is None; None if there is none.

    Without values of private columns.
    """
    found = stored_profile(repo, command(DIRECTORY if name is None else format_of(name)), content)
    return None if found is None else redacted(found, private_columns(repo))


def keep_profile(repo: Repository, found: Found) -> None:
    """Keep a profile that was made with `keep` off, once its data is in the store."""
    if found.made is not None:
        keep_made(repo, command_of(found), found.entry, found.made, path=found.path)


def command_of(found: Found) -> str:
    """The command of the entry of a profile."""
    return command(content_format(found.entry, found.path))


def _found(data: DataContent, profile: Profile, scanned: int) -> Found:
    return Found(profile, data.path, data.entry, scanned, data.rev)


def _known(repo: Repository, data: DataContent) -> Profile | None:
    found = stored_profile(repo, command_for(data), data.entry.oid)
    if found is None and data.entry.kind is not Kind.DIRECTORY:
        name = file_name(data.entry.oid, format_of(data.path))
        for one in known_files(repo, directory_profiles(repo, data.path), [name]).values():
            found = profile_blob(repo, one.oid)
        if found is not None and found.table is not None and found.table.unreadable_count:
            return None  # in a directory it is listed; alone it is an error
    return found


__all__ = ["Found", "NoProfileError", "keep_profile", "known_profile", "profile_of"]
