"""The methods `project.check`: data against rules, and whether it is available."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, RemoteSelection, StrPath, remote_name, texts
from dver.api.progress import ProgressCallback, progress_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dver.checks.result import CheckedData
    from dver.ops.quality.check_available import CheckResult
    from dver.ops.quality.check_data import CheckedPaths


class CheckMethods(ProjectHandle):
    """Methods that check data: `project.check`."""

    __slots__ = ()

    def available(
        self,
        *paths: StrPath,
        remote: RemoteSelection = False,
        rev: str | None = None,
        all_branches: bool = False,
        all_tags: bool = False,
        all_commits: bool = False,
    ) -> CheckResult:
        """Check that all data of a commit is available. `absent` of the result lists missing data.

        Args:
            paths: Check only data at or below them.
            remote: Check this remote, or with True the default one, instead of the store.
            rev: By default HEAD.
            all_branches, all_tags, all_commits: Check the data of all of them.

        Raises:
            RemoteError: The remote cannot be reached.
        """
        from dver.ops.quality.check_available import check_available
        from dver.tracking.revision_scope import CURRENT, RevisionScope

        scope = RevisionScope(rev, all_branches, all_tags, all_commits)
        if scope == CURRENT:
            scope = RevisionScope("HEAD")
        with self._open() as repo:
            name = remote_name(repo, remote)
            return check_available(repo, texts(paths), cwd=self.cwd, scope=scope, on_remote=bool(remote), remote=name)

    def data(
        self,
        *paths: StrPath,
        rev: str | None = None,
        rows: int = 0,
        html: StrPath | None = None,
        junit: StrPath | None = None,
        progress: ProgressCallback | None = None,
    ) -> CheckedPaths:
        """Check data against its rules. `passed` of the result is False if a critical rule failed.

        Args:
            paths: Data at, above or below them. By default all data that has rules.
            rev: Check the data of this revision instead of the workspace.
            rows: Read up to this many failing rows of each rule.
            html: Also write the results to this file, as a page that stands alone.
            junit: Also write the results to this file, as JUnit XML.
            progress: As in `pull`.

        Raises:
            UsageError: There are no rules, or the extra `data` is missing.
            PipelineError: A rule has a mistake.
            MissingObjectError: Neither the data nor its profile is here.
            ConflictError: A file would be overwritten.
        """
        from dver.ops.quality.check_data import check_data

        with self._open() as repo:
            result = check_data(repo, texts(paths), cwd=self.cwd, rev=rev, rows=rows, progress=progress_for(progress))
        self._write(result.checked, html, junit, rev or "")
        return result

    def _write(self, checked: Sequence[CheckedData], html: StrPath | None, junit: StrPath | None, title: str) -> None:
        from dver.ops.quality.check_pages import write_checks_page, write_junit

        if html is not None:
            write_checks_page(checked, self.cwd / html, title=title)
        if junit is not None:
            write_junit(checked, self.cwd / junit)
