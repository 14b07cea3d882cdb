"""The section "Inspect data" of the Python API."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, RemoteSelection, StrPath, remote_name, text_of, texts
from dver.api.progress import ProgressCallback, progress_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dver.access.files import Files
    from dver.ops.inspect.diff import DiffResult
    from dver.ops.inspect.diff_rows import RowsOfTable
    from dver.ops.inspect.ls import LsResult
    from dver.ops.inspect.status import StatusReport


class InspectMethods(ProjectHandle):
    """Methods that show data and compare it. They change nothing."""

    __slots__ = ()

    def status(
        self, *paths: StrPath, remote: RemoteSelection = False, progress: ProgressCallback | None = None
    ) -> StatusReport:
        """Show changed data and stages that are out of date. `is_clean` of the result sums it up.

        Args:
            paths: Data, paths inside it, or stages. By default everything.
            remote: Ask this remote which data it has; True asks the remote of each pointer.

        Raises:
            RemoteError: A remote that was asked cannot be reached.
        """
        from dver.ops.inspect.status import status
        from dver.tracking.availability import RemoteQuery

        with self._open() as repo:
            asked = RemoteQuery(remote_name(repo, remote)) if remote else None
            return status(repo, texts(paths), cwd=self.cwd, asked=asked, progress=progress_for(progress))

    def diff(
        self,
        *paths: StrPath,
        old: str | None = None,
        new: str | None = None,
        html: StrPath | None = None,
        progress: ProgressCallback | None = None,
    ) -> DiffResult:
        """Compare two versions of tracked data file by file.

        Args:
            paths: Compare only data at or below them.
            old: A revision; by default HEAD.
            new: A revision; by default the workspace.
            html: Also write a page of the changes to this file.

        Raises:
            UsageError: A revision or a path is unknown.
            MissingObjectError: The store does not have the listing of a directory that differs.
            ConflictError: `html` is a file that dver did not write.
        """
        from dver.ops.inspect.diff import diff
        from dver.ops.inspect.diff_page import write_diff_page

        with self._open() as repo:
            result = diff(repo, texts(paths), cwd=self.cwd, old=old, new=new, progress=progress_for(progress))
            if html is not None:
                write_diff_page(repo, result.changes, self.cwd / html, old=old, new=new)
            return result

    def diff_rows(
        self,
        *paths: StrPath,
        key: Sequence[str] = (),
        old: str | None = None,
        new: str | None = None,
        limit: int = 10,
        progress: ProgressCallback | None = None,
    ) -> tuple[RowsOfTable, ...]:
        """Compare the rows of the tables that differ: CSV, TSV, Parquet and JSONL files. Needs the extra `data`.

        Args:
            paths: Compare only data at or below them.
            key: The columns that identify a row. Without a key, equal rows are counted.
            old: A revision; by default HEAD.
            new: A revision; by default the workspace.
            limit: The number of sample rows of each kind.

        Raises:
            UsageError: A revision, path or key column is unknown, or the extra is missing.
            MissingObjectError, CorruptError: The only table that differs cannot be read. Of several, the result has the
                error.
        """
        from dver.ops.inspect.diff import diff
        from dver.ops.inspect.diff_rows import diff_rows

        with self._open() as repo:
            shown = progress_for(progress)
            changes = diff(repo, texts(paths), cwd=self.cwd, old=old, new=new, progress=shown).changes
            return diff_rows(repo, changes, key=key, old=old, new=new, limit=limit, progress=shown)

    def ls(self, *paths: StrPath, rev: str | None = None, recursive: bool = False) -> LsResult:
        """List tracked data. It need not be checked out.

        Args:
            paths: Tracked directories are listed entry by entry. By default the current directory of the project.
            rev: List the data of this revision instead of the pointers on disk.
            recursive: List all files, not only one level.

        Raises:
            UsageError: A path is not tracked, or the revision is unknown.
            MissingObjectError: The store does not have the listing of a directory.
        """
        from dver.ops.inspect.ls import ls

        with self._open() as repo:
            return ls(repo, texts(paths), cwd=self.cwd, rev=rev, recursive=recursive)

    def cat(self, path: StrPath, *, rev: str | None = None) -> bytes:
        """The verified content of a tracked file from the store. `files` also reads from remotes, and in parts.

        Args:
            path: The file.
            rev: Read the version of this revision instead of the pointer on disk.

        Raises:
            UsageError: The path is not a tracked file.
            MissingObjectError: The store does not have the content.
            CorruptError: The content does not match its hash.
        """
        from dver.ops.inspect.cat import cat

        with self._open() as repo:
            return b"".join(cat(repo, text_of(path), cwd=self.cwd, rev=rev))

    def files(self, *, rev: str | None = None, remote: str | None = None) -> Files:
        """The files of this project at one revision, for reading without a checkout.

        Args:
            rev: A revision; by default the pointers on disk and the workspace.
            remote: The name of the remote to read from, instead of those that the pointers name.
        """
        from dver.access.repositories import open_files

        return open_files(rev=rev, remote=remote, cwd=self.cwd)

    def path(self, path: bytes | str) -> Path:
        """The absolute path of the `path` in a result, which starts at the top of the Git worktree."""
        with self._open() as repo:
            return repo.git.worktree / os.fsdecode(path)
