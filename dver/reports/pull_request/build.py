"""Builds a report: each section from the list, whatever happens to the others.

A new section is one module in `sections/` with a function like `metrics_section`, and one line in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dver.core.errors import DverError
from dver.core.public_text import SecretFilter
from dver.project.public_text import secret_filter
from dver.reports.pull_request.model import PullRequestReport, ReportSection, SectionBody
from dver.reports.pull_request.public import public_body
from dver.reports.pull_request.sections.checks import checks_section
from dver.reports.pull_request.sections.data import data_section
from dver.reports.pull_request.sections.metrics import metrics_section
from dver.reports.pull_request.sections.models import models_section
from dver.reports.pull_request.sections.params import params_section
from dver.reports.pull_request.sections.plots import plots_section
from dver.reports.pull_request.sections.stages import stages_section
from dver.reports.pull_request.subject import ReportSubject
from dver.reports.pull_request.wording import error_facts, error_note


@dataclass(frozen=True, slots=True)
class SectionKind:
    """A section that every report has."""

    key: str
    title: str
    unchanged: str
    """What a report says if the section has nothing to show."""
    build: Callable[[ReportSubject], SectionBody]


SECTIONS: Final = (
    SectionKind("metrics", "Metrics", "no metrics changed", metrics_section),
    SectionKind("params", "Parameters", "no parameters changed", params_section),
    SectionKind("data", "Data", "no data changed", data_section),
    SectionKind("checks", "Data checks", "no data checks failed", checks_section),
    SectionKind("stages", "Stages out of date", "all stages are up to date", stages_section),
    SectionKind("plots", "Plots", "no plots changed", plots_section),
    SectionKind("models", "Models to register", "no models to register", models_section),
)
"""The sections in the order of the report."""


def build_report(subject: ReportSubject, kinds: Sequence[SectionKind] = SECTIONS) -> PullRequestReport:
    """The report. A section that fails says why."""
    secrets = secret_filter(subject.repo)
    sections = tuple(_section(subject, kind, secrets) for kind in kinds)
    return PullRequestReport(subject.old, subject.new, sections)


def _section(subject: ReportSubject, kind: SectionKind, secrets: SecretFilter) -> ReportSection:
    try:
        body = kind.build(subject)
    except DverError as error:
        body = SectionBody(notes=(error_note(error),), facts={"error": error_facts(error)})
    return ReportSection(kind.key, kind.title, kind.unchanged, public_body(body, secrets))
