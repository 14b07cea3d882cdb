"""`dver report --comment` and `--summary`: publish a report on a pull request, and in the summary of a CI job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.ci.hosts.job import CiJob, Service, read_job
from dver.ci.hosts.pictures import AttachedPicture, find_pictures, show_pictures
from dver.ci.hosts.publish import CommentOptions, PostedComment, check_options, publish_comment
from dver.ci.hosts.summary import summary_of, write_summary
from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.files import SpecialFileError, read_regular
from dver.core.phrasing import human_size
from dver.core.progress import SILENT, Progress
from dver.reports.pull_request.markdown import render_markdown
from dver.reports.pull_request.model import PullRequestReport

_FILE_MAX: Final = 8 * 2**20
"""The largest file with a report, in bytes."""
_NO_MARKDOWN: Final = (b"<!DOCTYPE", b"{", b"[")


@dataclass(frozen=True, slots=True)
class ReportText:
    """A report as Markdown, and the pictures that it shows, by link."""

    markdown: str
    pictures: Mapping[str, AttachedPicture]

    @classmethod
    def of(cls, report: PullRequestReport) -> ReportText:
        """The text of `report`."""
        pictures = {one.file_name: AttachedPicture(one.content) for one in report.pictures}
        return cls(render_markdown(report, links={name: name for name in pictures}), pictures)

    @classmethod
    def read(cls, path: Path) -> ReportText:
        """The text in the file `path`, which a job of a fork may have written, with the pictures beside it.

        Raises UsageError if the file is missing or has no Markdown.
        """
        markdown = _content(path).decode("utf-8", "replace")
        return cls(markdown, find_pictures(markdown, path.parent))


def _content(path: Path) -> bytes:
    if path.is_symlink():  # an artifact of a fork must not publish other files of this machine
        raise UsageError(f"{os.fspath(path)!r} is a symbolic link", fix="pass the file itself to --from")
    try:
        content = read_regular(path, _FILE_MAX + 1)
    except (OSError, SpecialFileError) as error:
        raise UsageError(
            f"cannot read the report {os.fspath(path)!r}",
            why=error.strerror if isinstance(error, OSError) else error.why,
            fix="write it before: `dver report -o FILE.md`",
        ) from error
    if len(content) > _FILE_MAX or content.startswith(_NO_MARKDOWN):
        raise UsageError(
            f"{os.fspath(path)!r} is not a report in Markdown",
            why=f"it has more than {human_size(_FILE_MAX)}" if len(content) > _FILE_MAX else "it is HTML or JSON",
            fix="write one: `dver report -o FILE.md`",
        )
    return content


@dataclass(frozen=True, slots=True, repr=False)
class PublishedReport(Displayed):
    """Where a report was published."""

    comment: PostedComment | None
    summary: Path | None
    """The file with the summary of the CI job."""


@dataclass(frozen=True, slots=True)
class ReportPublication:
    """Where to publish a report: in a comment of the pull request of `job`, in the summary of the job, or in both."""

    job: CiJob | None
    options: CommentOptions
    summary: bool
    environ: Mapping[str, str]

    @classmethod
    def prepare(
        cls,
        options: CommentOptions,
        *,
        comment: bool,
        summary: bool,
        number: int | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> ReportPublication:
        """Check all that can be checked before the report is made. `number` replaces the pull request of the job.

        Raises UsageError without a CI job, a token or a summary, and for invalid options.
        """
        check_options(options)
        if summary:
            summary_of(environ)
        return cls(read_job(environ, number=number) if comment else None, options, summary, environ)

    @property
    def shows_pictures(self) -> bool:
        """Whether the host of the comment can show pictures."""
        return self.job is not None and (self.job.service is Service.GITLAB or self.options.images_branch is not None)

    def publish(self, text: ReportText, *, progress: Progress = SILENT) -> PublishedReport:
        """Publish a report. Raises RemoteError if the host refuses it or cannot be reached, LocalIOError."""
        summary = None
        if self.summary:
            where = "in the artifacts of the run"
            shown = show_pictures(text.markdown, {}, where)
            summary = write_summary(shown, self.environ, f"The whole report is {where}.")
        comment = None
        if self.job is not None:
            with progress.task("write comment", unit=""):
                comment = publish_comment(self.job, text.markdown, text.pictures, self.options)
        return PublishedReport(comment, summary)
