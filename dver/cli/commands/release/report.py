"""`dver report`: what a branch changes, for a pull request."""

from __future__ import annotations

from pathlib import Path

import click

from dver.cli import options
from dver.cli.commands.release.report_publication import PublicationRequest, publication_options, publish
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.errors import UsageError
from dver.core.phrasing import human_size
from dver.ops.report.comment import ReportText
from dver.ops.report.report import ReportForm, form_of, rendered, report, write_report
from dver.repo import Repository
from dver.reports.pull_request.as_json import report_json
from dver.reports.pull_request.model import PullRequestReport


@options.command(
    examples=[
        ("dver report", "Print what this branch changes as Markdown."),
        ("dver report -o report.html", "Write a page that stands alone, with plots."),
        ("dver report --md -o report.md", "Write Markdown, and plots to report_files/."),
        ("dver report --against v1.0 --json", "Compare with a release, for a program."),
        ("dver report --comment", "In CI: create or update a comment on the pull request."),
        ("dver report --comment --from report.md", "Comment with a report that another job has written."),
    ]
)
@click.option("--against", metavar="REV", help="Compare with REV instead of the target of the pull request.")
@click.option("--md", "as_md", is_flag=True, help="Write Markdown of at most 60 kB (the default).")
@click.option("--html", "as_html", is_flag=True, help="Write a page that stands alone.")
@options.json_option
@click.option("-o", "--out", metavar="FILE", help="Write to FILE; .md, .html and .json decide the form.")
@publication_options
@click.pass_obj
def command(
    ctx: Context,
    *,
    against: str | None,
    as_md: bool,
    as_html: bool,
    as_json: bool,
    out: str | None,
    request: PublicationRequest,
) -> None:
    """Report what a branch changes, for a pull request.

    The report has metrics, parameters, data, data checks, stages that are out of date, plots, and models to register.
    It compares HEAD with the merge base of the default branch; in the CI of GitHub and GitLab, with the target of the
    pull request. Changes that are not committed are part of the report.
    """
    form = _chosen_form(as_md, as_html, as_json) or (form_of(Path(out)) if out is not None else ReportForm.MARKDOWN)
    publication = request.prepare()
    if request.source is not None:
        _check_alone(against=against, as_html=as_html, out=out)
        publish(ctx, publication, ReportText.read(ctx.cwd / request.source), as_json=as_json)
        return
    if request.wanted and form is ReportForm.HTML and out is None:
        raise UsageError("comments and summaries have no HTML", fix="leave out --html, or add -o report.html")
    draw = form is ReportForm.HTML or (form is ReportForm.MARKDOWN and out is not None) or publication.shows_pictures
    with Repository.open(ctx.cwd) as repo:
        found = report(repo, against=against, draw=draw, progress=ctx.progress)
    if out is not None:
        _write(ctx, found, out, form)
    if request.wanted:
        publish(ctx, publication, ReportText.of(found), as_json=as_json)
    elif out is None and form is ReportForm.JSON:
        ctx.emit_json(report_json(found))
    elif out is None:
        ctx.write_bytes(rendered(found, form))


def _check_alone(**given: object) -> None:
    """Raise UsageError for options of a new report beside --from."""
    names = {"against": "--against", "as_html": "--html", "out": "-o"}
    for name, value in given.items():
        if value:
            raise UsageError(
                f"{names[name]} and --from exclude each other",
                why="--from publishes a report that exists",
                fix=f"leave out {names[name]}",
            )


def _chosen_form(as_md: bool, as_html: bool, as_json: bool) -> ReportForm | None:
    """The form of the option that is given. Raises UsageError for several."""
    wanted = ((ReportForm.MARKDOWN, as_md), (ReportForm.HTML, as_html), (ReportForm.JSON, as_json))
    chosen = [form for form, is_wanted in wanted if is_wanted]
    if len(chosen) > 1:
        names = [f"--{form.value}" for form in chosen]
        raise UsageError(f"{names[0]} and {names[1]} exclude each other", fix="give one of them")
    return chosen[0] if chosen else None


def _write(ctx: Context, found: PullRequestReport, out: str, form: ReportForm) -> None:
    written = write_report(found, ctx.cwd / out, form)
    pictures = f", {terminal.count(len(written.pictures), 'picture')}" if written.pictures else ""
    ctx.note(f"wrote {terminal.printable(out)}: {human_size(written.size)}{pictures}")
