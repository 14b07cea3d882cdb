"""The section "Review and release" of the Python API: `project.report`, and the group of methods `project.model`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, TypeAlias

from dver.api.ci import CiMethods
from dver.api.handle import ProjectHandle, StrPath
from dver.api.models import ModelMethods
from dver.api.progress import ProgressCallback, progress_for

if TYPE_CHECKING:
    from pathlib import Path

    from dver.ci.hosts.publish import PostedComment
    from dver.ops.report.comment import ReportText
    from dver.ops.report.report import WrittenPullRequestReport
    from dver.reports.pull_request.model import PullRequestReport

FormName: TypeAlias = Literal["md", "html", "json"]


class ReleaseMethods(ProjectHandle):
    """Methods for models, reports and CI."""

    __slots__ = ()

    @property
    def model(self) -> ModelMethods:
        """Methods that register, assign and export models, such as `project.model.list`."""
        return ModelMethods(self.root, self.cwd)

    @property
    def ci(self) -> CiMethods:
        """Methods for CI: `project.ci.init`."""
        return CiMethods(self.root, self.cwd)

    def report(
        self, *, against: str | None = None, draw: bool = False, progress: ProgressCallback | None = None
    ) -> PullRequestReport:
        """What HEAD, or the workspace with its changes, changes in data, stages, parameters, metrics and plots.

        Args:
            against: Compare with this revision; by default with the target of the pull request in a CI job, else with
                the merge base of the default branch.
            draw: Draw changed plots. Needs the extra `plots`.
            progress: As in `pull`.

        Raises:
            UsageError: The revision is unknown, or missing in a shallow clone.
        """
        from dver.ops.report.report import report

        with self._open() as repo:
            return report(repo, against=against, draw=draw, progress=progress_for(progress))

    def render_report(self, report: PullRequestReport, form: FormName = "md") -> str:
        """The report as Markdown of at most 60 kB, as an HTML page that stands alone, or as JSON.

        Args:
            report: The result of `report`.
            form: `md`, `html` or `json`.
        """
        from dver.ops.report.report import ReportForm, rendered

        return rendered(report, ReportForm(form)).decode()

    def write_report(
        self, report: PullRequestReport, out: StrPath, form: FormName | None = None
    ) -> WrittenPullRequestReport:
        """Write a report to a file; pictures of Markdown are written to a directory beside it.

        Args:
            report: The result of `report`.
            out: The file.
            form: `md`, `html` or `json`; by default as the name of the file ends.

        Raises:
            ConflictError: A file that dver did not write would be overwritten.
        """
        from dver.ops.report.report import ReportForm, form_of, write_report

        to = self.cwd / out
        return write_report(report, to, ReportForm(form) if form is not None else form_of(to))

    def comment_report(
        self,
        report: PullRequestReport | StrPath,
        *,
        key: str = "report",
        pr: int | None = None,
        images_branch: str | None = None,
    ) -> PostedComment:
        """Create or update a comment on the pull request of this CI job, with a token from the environment.

        Args:
            report: The result of `report`, or a file with a report in Markdown.
            key: A pull request has one comment for each key.
            pr: Comment on this pull request instead.
            images_branch: On GitHub, commit pictures to this branch, so that the comment shows them.

        Raises:
            UsageError: There is no CI job or no token; the key, the branch or the file is invalid.
            RemoteError: The host refuses the comment, or cannot be reached.
        """
        from dver.ci.hosts.publish import CommentOptions
        from dver.ops.report.comment import ReportPublication

        options = CommentOptions(key, images_branch)
        publication = ReportPublication.prepare(options, comment=True, summary=False, number=pr)
        comment = publication.publish(self._text_of(report)).comment
        assert comment is not None
        return comment

    def summarize_report(self, report: PullRequestReport | StrPath) -> Path:
        """Append a report to the summary of this CI job of GitHub, and return the file with the summary.

        Args:
            report: The result of `report`, or a file with a report in Markdown.

        Raises:
            UsageError: The job has no summary, or the file is invalid.
        """
        from dver.ci.hosts.publish import CommentOptions
        from dver.ops.report.comment import ReportPublication

        publication = ReportPublication.prepare(CommentOptions(), comment=False, summary=True)
        summary = publication.publish(self._text_of(report)).summary
        assert summary is not None
        return summary

    def _text_of(self, report: PullRequestReport | StrPath) -> ReportText:
        from dver.ops.report.comment import ReportText

        if isinstance(report, (str, os.PathLike)):
            return ReportText.read(self.cwd / report)
        return ReportText.of(report)
