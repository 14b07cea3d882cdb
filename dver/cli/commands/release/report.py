"""`dver report`: what a branch changes, for a pull request."""

from __future__ import annotations

from pathlib import Path

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.errors import UsageError
from dver.core.phrasing import human_size
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
    ]
)
@click.option("--against", metavar="REV", help="Compare with REV instead of the target of the pull request.")
@click.option("--md", "as_md", is_flag=True, help="Write Markdown of at most 60 kB (the default).")
@click.option("--html", "as_html", is_flag=True, help="Write a page that stands alone.")
@options.json_option
@click.option("-o", "--out", metavar="FILE", help="Write to FILE; .md, .html and .json decide the form.")
@click.pass_obj
def command(ctx: Context, *, against: str | None, as_md: bool, as_html: bool, as_json: bool, out: str | None) -> None:
    """Report what a branch changes, for a pull request.

    The report has metrics, parameters, data, stages that are out of date, plots, and models to register. It compares
    HEAD with the merge base of the default branch; in the CI of GitHub and GitLab, with the target of the pull request.
    Changes that are not committed are part of the report.
    """
    form = _chosen_form(as_md, as_html, as_json) or (form_of(Path(out)) if out is not None else ReportForm.MARKDOWN)
    draw = form is ReportForm.HTML or (form is ReportForm.MARKDOWN and out is not None)
    with Repository.open(ctx.cwd) as repo:
        found = report(repo, against=against, draw=draw, progress=ctx.progress)
    if out is not None:
        _write(ctx, found, out, form)
    elif form is ReportForm.JSON:
        ctx.emit_json(report_json(found))
    else:
        ctx.write_bytes(rendered(found, form))


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
