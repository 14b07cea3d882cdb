"""The methods `project.checks`: rules for data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, StrPath, text_of
from dver.api.progress import ProgressCallback, progress_for

if TYPE_CHECKING:
    from dver.ops.quality.init_checks import ProposedChecks


class SuiteMethods(ProjectHandle):
    """Methods that write rules for data: `project.checks`."""

    __slots__ = ()

    def init(self, path: StrPath, *, dry_run: bool = False, progress: ProgressCallback | None = None) -> ProposedChecks:
        """Propose rules for data from its profile, and add them to the nearest `dver.checks.yaml`.

        Args:
            path: A file or a directory.
            dry_run: Write nothing.
            progress: As in `pull`.

        Raises:
            ConflictError: There are rules for this path already.
            UsageError: There is no data at the path, or nothing to propose.
            MissingObjectError: Neither the data nor its profile is here.
        """
        from dver.ops.quality.init_checks import init_checks

        with self._open() as repo:
            return init_checks(repo, text_of(path), cwd=self.cwd, dry_run=dry_run, progress=progress_for(progress))
