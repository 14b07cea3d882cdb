"""The data of a project, for the evaluation of a suite."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from dver.access.content_files import scratch_directory
from dver.checks.data_access import DataFile
from dver.checks.evaluation.evaluate import RuleResults, evaluate_rules
from dver.checks.suite.rules import CheckSuite
from dver.core.errors import MissingObjectError, UsageError
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.formats.profile import CollectionKind, Profile
from dver.formats.tree import Entry, Kind
from dver.profile_cache.data_content import DataContent, content_at, file_on_disk
from dver.profile_cache.media_profiles import write_media_rows
from dver.profile_cache.profiles import Found, known_profile, profile_of
from dver.profile_cache.table_profiles import stored_table_files
from dver.profiles.media.collections import kind_of
from dver.repo import Repository

_MEDIA: Final = "media.arrow"

References = Callable[[str, bytes], Profile]
"""The profile of `model NAME#STAGE` for a path, relative to the top of the Git worktree."""


def rule_results(
    repo: Repository,
    suite: CheckSuite,
    found: Found,
    *,
    content: DataContent | None = None,
    references: References | None = None,
    rows: int = 0,
    keep: bool = True,
    progress: Progress = SILENT,
) -> RuleResults:
    """Evaluate `suite` for the data with the profile `found`: of the workspace, or of `found.rev`.

    With `content`, its files are read instead: content that a pointer records, whatever the workspace has. Then
    MissingObjectError is raised if a rule needs files that are not here. `keep` off stores nothing.
    """
    data = ProjectData(repo, suite, found, content=content, references=references, keep=keep, progress=progress)
    results = evaluate_rules(suite, found.profile, data, rows=rows)
    if content is not None and data.missing is not None:
        raise data.missing
    return results


class ProjectData:
    """A `DataAccess` for data of the workspace, or of a revision."""

    def __init__(
        self,
        repo: Repository,
        suite: CheckSuite,
        found: Found,
        *,
        content: DataContent | None = None,
        references: References | None = None,
        keep: bool = True,
        progress: Progress = SILENT,
    ) -> None:
        """`keep` off stores nothing."""
        self._repo = repo
        self._suite = suite
        self._found = found
        self._content = content
        self._references = references
        self._keep = keep
        self._progress = progress
        self.missing: MissingObjectError | None = None
        """Why the last files that a rule needed could not be read."""

    @property
    def plugins_allowed(self) -> bool:
        """The setting `checks.plugins`."""
        return self._repo.config.checks_plugins

    @contextmanager
    def tables(self, collection: str) -> Iterator[Sequence[DataFile]]:
        """The tables of a collection on this disk; of media, a table of measurements.

        Raises MissingObjectError if their content is not here.
        """
        data = self._content
        if data is None:
            data = content_at(self._repo, self._absolute(), self._repo.git.worktree, rev=self._found.rev)
        with ExitStack() as stack:
            try:
                files = self._files(collection, data, stack)
            except MissingObjectError as error:
                self.missing = error
                raise self._missing_error() from error
            yield files

    def _missing_error(self) -> MissingObjectError:
        rev = "" if self._found.rev is None else f" --rev {quoted(self._found.rev)}"
        shown = quoted(self._repo.layout.shown(self._suite.path))
        return MissingObjectError(
            "the data is not in this clone",
            why=f"the rule needs more than its profile; download it with `dver fetch {shown}{rev}`",
        )

    def _files(self, collection: str, data: DataContent, stack: ExitStack) -> list[DataFile]:
        wanted = next((one for one in self._found.profile.collections if one.name == collection), None)
        if wanted is not None and wanted.kind is not CollectionKind.TABLE:
            folder = stack.enter_context(self.scratch())
            write_media_rows(self._repo, data, collection, folder / _MEDIA)
            return [DataFile(folder / _MEDIA, _MEDIA)]
        found = []
        for inside, entry in self._of_collection(collection, list(data.files())):
            path = stack.enter_context(file_on_disk(self._repo, data, inside, entry))
            found.append(DataFile(Path(os.fsdecode(path)), os.fsdecode(inside)))
        return found

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty directory."""
        with scratch_directory(self._repo) as scratch:
            yield scratch

    def previous(self) -> Profile | None:
        """The profile of the data at HEAD, or at the parent of the revision."""
        rev = "HEAD" if self._found.rev is None else f"{self._found.rev}^"
        try:
            return self._profile_at(rev)
        except UsageError:  # no such commit, or no such data there
            return None

    def reference(self, against: str) -> Profile:
        """The profile of the data at a revision, or of `model NAME#STAGE`."""
        if against.startswith("model "):
            if self._references is None:
                raise UsageError(f"{against!r} cannot be compared here", fix="name a revision")
            return self._references(against.removeprefix("model ").strip(), self._suite.path)
        return self._profile_at(against)

    def directory(self) -> Path:
        """The directory of the suite's source."""
        return self._repo.git.worktree / os.fsdecode(self._suite.directory)

    def _absolute(self) -> str:
        return str(self._repo.git.worktree / os.fsdecode(self._suite.path))

    def _profile_at(self, rev: str) -> Profile:
        return profile_of(
            self._repo,
            os.fsdecode(self._suite.path),
            cwd=self._repo.git.worktree,
            rev=rev,
            keep=self._keep,
            progress=self._progress,
        ).profile

    def _of_collection(self, collection: str, files: list[tuple[bytes, Entry]]) -> list[tuple[bytes, Entry]]:
        """The files of a collection, in order."""
        profile = self._found.profile
        wanted = next((one for one in profile.collections if one.name == collection), None)
        if wanted is None or wanted.kind is not CollectionKind.TABLE:
            return []
        if self._found.entry.kind is not Kind.DIRECTORY:
            return files
        tables = sorted((one for one in files if kind_of(one[0]) is CollectionKind.TABLE), key=lambda one: one[0])
        if sum(one.kind is CollectionKind.TABLE for one in profile.collections) == 1:
            return tables
        names = {one.name for one in wanted.columns}
        known = self._found.table_files or stored_table_files(self._repo, self._found.path, self._found.oid)
        if known is not None and collection in known:
            return [(path, entry) for path, entry in tables if path in known[collection]]
        return [
            (path, entry)
            for path, entry in tables
            if _matches(os.fsdecode(path), collection) and self._columns(path, entry) in (None, names)
        ]

    def _columns(self, path: bytes, entry: Entry) -> set[str] | None:
        """The names of a file's columns, if its profile is known."""
        found = known_profile(self._repo, entry.oid, path)
        return None if found is None or found.table is None else {one.name for one in found.table.columns}


def _matches(path: str, collection: str) -> bool:
    """Is the file part of the collection with a name such as `train/part-*.parquet`?"""
    directory, _, pattern = collection.rpartition("/")
    return (not directory or path.startswith(f"{directory}/")) and fnmatchcase(os.path.basename(path), pattern)
