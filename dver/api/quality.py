"""The section "Check and monitor data" of the Python API."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from dver.api.checks import CheckMethods
from dver.api.handle import ProjectHandle, StrPath, texts
from dver.api.monitoring import MonitorMethods
from dver.api.progress import ProgressCallback, progress_for
from dver.api.retraining import RetrainMethods
from dver.api.suites import SuiteMethods

if TYPE_CHECKING:
    from dver.ops.quality.profile import ProfiledData


class QualityMethods(RetrainMethods, ProjectHandle):
    """Methods that check and monitor data."""

    __slots__ = ()

    @property
    def check(self) -> CheckMethods:
        """Methods that check data, such as `project.check.available`."""
        return CheckMethods(self.root, self.cwd)

    @property
    def checks(self) -> SuiteMethods:
        """Methods that write rules for data, such as `project.checks.init`."""
        return SuiteMethods(self.root, self.cwd)

    def profile(
        self,
        *paths: StrPath,
        rev: str | None = None,
        private: Collection[str] = (),
        html: StrPath | None = None,
        progress: ProgressCallback | None = None,
    ) -> tuple[ProfiledData, ...]:
        """The profiles of data: what is known of it without reading it again.

        Each file is read once, in one pass. Its profile is kept in the store by content, and pushed and pulled with
        the data. Of a directory, only new files are read.

        Args:
            paths: Files or directories: tracked data, paths inside it, or other files of the project.
            rev: Use the data of this revision instead of the workspace.
            private: Columns whose values are left out.
            html: Also write the profile as a page to this file; for one path.
            progress: Called with the task `profile`, in bytes.

        Raises:
            UsageError: A path has no data, or the extra `data` is not installed.
            MissingObjectError: Neither the profile nor the data is in the store.
            CorruptError: A file cannot be read as a table. In a directory, such files are listed as unreadable.
        """
        from dver.ops.quality.profile import profile

        page = self.cwd / html if html is not None else None
        with self._open() as repo:
            return profile(
                repo,
                texts(paths),
                cwd=self.cwd,
                rev=rev,
                private=private,
                html=page,
                progress=progress_for(progress),
            )

    @property
    def monitor(self) -> MonitorMethods:
        """Compares live data with a reference: `project.monitor("live.csv", model="churn")`."""
        return MonitorMethods(self.root, self.cwd)
