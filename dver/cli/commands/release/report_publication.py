"""The options of `dver report` that publish a report, and the report of what they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

import click

from dver.ci.hosts.comment_body import DEFAULT_KEY
from dver.ci.hosts.comments import CommentOutcome
from dver.ci.hosts.job import Service
from dver.ci.hosts.publish import CommentOptions, PostedComment
from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.terminal import count, printable
from dver.core.errors import UsageError
from dver.ops.report.comment import PublishedReport, ReportPublication, ReportText

_NOUNS: Final = {Service.GITHUB: "pull request", Service.GITLAB: "merge request"}


@dataclass(frozen=True, slots=True)
class PublicationRequest:
    """What the options ask for."""

    comment: bool
    summary: bool
    source: str | None
    key: str | None
    number: int | None
    images_branch: str | None

    @property
    def wanted(self) -> bool:
        """Whether the report is published at all."""
        return self.comment or self.summary

    def prepare(self) -> ReportPublication:
        """Check the options and the CI job. Raises UsageError."""
        self._check()
        chosen = CommentOptions(DEFAULT_KEY if self.key is None else self.key, self.images_branch)
        return ReportPublication.prepare(chosen, comment=self.comment, summary=self.summary, number=self.number)

    def _check(self) -> None:
        given = {"--key": self.key, "--pr": self.number, "--images-branch": self.images_branch}
        for option, value in given.items():
            if value is not None and not self.comment:
                raise UsageError(f"{option} needs --comment", fix=f"add --comment, or leave out {option}")
        if self.source is not None and not self.wanted:
            raise UsageError("--from needs --comment or --summary", fix="add --comment")


def publication_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--comment`, `--summary` and the options for them: passed as `request`, a PublicationRequest."""

    @wraps(function)
    def inner(
        *args: Any,
        comment: bool,
        summary: bool,
        from_: str | None,
        key: str | None,
        pr: int | None,
        images_branch: str | None,
        **named: Any,
    ) -> Any:
        request = PublicationRequest(comment, summary, from_, key, pr, images_branch)
        return function(*args, request=request, **named)

    return options.with_options(
        inner,
        click.option("--comment", is_flag=True, help="Create or update a comment on the pull request of this CI job."),
        click.option("--summary", is_flag=True, help="Append the report to the summary of this CI job (GitHub)."),
        click.option("--from", "from_", metavar="FILE", help="Publish the Markdown in FILE instead of a new report."),
        click.option("--key", metavar="KEY", help="Use the comment KEY; each key has a comment of its own."),
        click.option("--pr", type=click.IntRange(1), metavar="NUMBER", help="Comment on pull request NUMBER."),
        click.option("--images-branch", metavar="NAME", help="Commit pictures to branch NAME, to show them on GitHub."),
    )


def publish(ctx: Context, publication: ReportPublication, text: ReportText, *, as_json: bool) -> None:
    """Publish a report and print where."""
    published = publication.publish(text, progress=ctx.progress)
    if as_json:
        ctx.emit_json(published)
    else:
        _print(ctx, published)


def _print(ctx: Context, published: PublishedReport) -> None:
    if published.summary is not None:
        ctx.say("added the report to the summary of this job")
    if (posted := published.comment) is None:
        return
    ctx.say(_comment_line(posted))
    if posted.pictures_left_out:
        reason = printable(posted.picture_problem) if posted.picture_problem else "`--images-branch NAME` shows them"
        ctx.note(f"{count(posted.pictures_left_out, 'picture')} not shown in the comment: {reason}")


def _comment_line(posted: PostedComment) -> str:
    noun, project = _NOUNS[posted.service], printable(posted.project)
    where = f"{noun} {posted.number} of {project}" + (f": {printable(posted.url)}" if posted.url else "")
    match posted.outcome:
        case CommentOutcome.CREATED:
            return f"commented on {where}"
        case CommentOutcome.UPDATED:
            return f"updated the comment on {where}"
        case CommentOutcome.OUTDATED:
            return f"a later run has updated the comment on {where}"
        case CommentOutcome.NO_PULL_REQUEST:
            return f"no comment: this branch has no open {noun} in {project}"
