"""`dver report`: what a branch changes in data, stages, params, metrics and plots."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from dver.core.display import Displayed
from dver.core.files import write_atomic
from dver.core.html_page import refuse_foreign_page
from dver.core.own_directory import make_own_directory
from dver.core.progress import SILENT, Progress
from dver.repo import Repository
from dver.reports.pull_request.as_json import JSON_MARK, report_json
from dver.reports.pull_request.base import compared_versions
from dver.reports.pull_request.build import build_report
from dver.reports.pull_request.markdown import render_markdown
from dver.reports.pull_request.model import PullRequestReport
from dver.reports.pull_request.page import MARK, render_report_page
from dver.reports.pull_request.subject import ReportSubject

_PICTURES: Final = "_files"
"""The end of the name of the directory with the pictures of a Markdown file."""


class ReportForm(Enum):
    """The form of a report."""

    MARKDOWN = "md"
    HTML = "html"
    JSON = "json"


_FORMS: Final = {".html": ReportForm.HTML, ".htm": ReportForm.HTML, ".json": ReportForm.JSON}
"""The forms by suffix. Other suffixes mean Markdown."""
_MARKS: Final = {
    ReportForm.MARKDOWN: b"<!-- made by dver report -->\n",
    ReportForm.HTML: MARK,
    ReportForm.JSON: JSON_MARK,
}
"""The beginnings of files, by which dver recognizes its own."""


@dataclass(frozen=True, slots=True, repr=False)
class WrittenPullRequestReport(Displayed):
    """A report that was written to a file, and the pictures that it links."""

    path: Path
    pictures: tuple[Path, ...]
    size: int


def report(
    repo: Repository,
    *,
    against: str | None = None,
    draw: bool = False,
    environ: Mapping[str, str] = os.environ,
    progress: Progress = SILENT,
) -> PullRequestReport:
    """Compare HEAD, or the workspace if it has changes that are not committed, with `against`.

    By default that is the target of the pull request in a CI job, else the merge base with the default branch. With
    `draw`, changed plots are drawn as pictures. Errors of single sections are in the result. Raises UsageError if the
    version to compare with is unknown or missing in this clone.
    """
    old, new = compared_versions(repo.git, against, environ)
    with Repository.open(repo.root) as whole:  # paths in reports start at the project, wherever the command runs
        return build_report(ReportSubject(whole, old, new, draw, progress))


def form_of(path: Path) -> ReportForm:
    """The form that the suffix of a file names; Markdown by default."""
    return _FORMS.get(path.suffix.lower(), ReportForm.MARKDOWN)


def write_report(found: PullRequestReport, to: Path, form: ReportForm) -> WrittenPullRequestReport:
    """Write a report to a file.

    Pictures are in the HTML page; beside Markdown they are in a directory of their own. Raises ConflictError instead of
    overwriting files that dver did not write.
    """
    refuse_foreign_page(to, _MARKS[form], "reports")
    pictures: dict[str, Path] = {}
    if form is ReportForm.MARKDOWN and found.pictures:
        folder = make_own_directory(to.with_name(to.stem + _PICTURES), "report")
        for one in found.pictures:
            pictures[one.file_name] = folder / one.file_name
            write_atomic(pictures[one.file_name], one.content, durable=False)
    content = _MARKS[form] + rendered(found, form, pictures).removeprefix(_MARKS[form])
    to.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(to, content, durable=False)
    return WrittenPullRequestReport(to, tuple(pictures.values()), len(content))


def rendered(found: PullRequestReport, form: ReportForm, pictures: Mapping[str, Path] = MappingProxyType({})) -> bytes:
    """The report as it is written. `pictures` are the files beside it, by the names of the pictures."""
    match form:
        case ReportForm.HTML:
            return render_report_page(found)
        case ReportForm.JSON:
            return (json.dumps(report_json(found), indent=2, allow_nan=False) + "\n").encode()
    links = {name: quote(f"{path.parent.name}/{path.name}") for name, path in pictures.items()}
    return render_markdown(found, links=links).encode("utf-8", "replace")
