"""Sections of a report: a list that others extend, none of which can spoil the rest, and none of which has secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspaces import Project

from dver.core.errors import UsageError
from dver.reports.blocks.model import Code, Commands, ItemList, Paragraph, Picture, Prose, ReportTable
from dver.reports.pull_request.as_json import report_json
from dver.reports.pull_request.base import compared_versions
from dver.reports.pull_request.build import SECTIONS, SectionKind, build_report
from dver.reports.pull_request.markdown import render_markdown
from dver.reports.pull_request.model import PullRequestReport, SectionBody
from dver.reports.pull_request.page import render_report_page
from dver.reports.pull_request.subject import ReportSubject

SECRET = "glpat-0123456789abcdefghij"


def build(project: Project, *kinds: SectionKind) -> PullRequestReport:
    with project.opened() as repo:
        return build_report(ReportSubject(repo, *compared_versions(repo.git, "HEAD", {})), kinds)


def kind(body: SectionBody | Exception) -> SectionKind:
    def section(subject: ReportSubject) -> SectionBody:
        if isinstance(body, Exception):
            raise body
        return body

    return SectionKind("drift", "Drift", "no drift", section)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


def test_keys_are_unique() -> None:
    assert len({one.key for one in SECTIONS}) == len(SECTIONS)


def test_a_new_section_is_one_more_item_of_the_list(project: Project) -> None:
    found = build(project, *SECTIONS, kind(SectionBody(("1 column drifted.",), facts={"columns": ["age"]})))

    assert "### Drift\n\n1 column drifted.\n" in render_markdown(found)
    assert b"<h2>Drift</h2>" in render_report_page(found)
    assert report_json(found)["sections"]["drift"]["columns"] == ["age"]


def test_a_section_that_fails_says_why(project: Project) -> None:
    error = UsageError("no profile of 'data'", why="it was never made", fix="dver profile data")

    found = build(project, kind(error), kind(SectionBody(("Something.",))))

    assert "> `no profile of 'data'`; why: `it was never made`; fix: `dver profile data`" in render_markdown(found)
    assert "Something." in render_markdown(found)
    assert b"dver profile data" in render_report_page(found)
    assert not found.sections[0].has_changes
    assert report_json(build(project, kind(error)))["sections"]["drift"]["error"]["fix"] == "dver profile data"


def test_a_bug_is_not_hidden(project: Project) -> None:
    with pytest.raises(KeyError):
        build(project, kind(KeyError("a bug")))


def test_no_part_of_a_section_has_a_secret(project: Project) -> None:
    code = Code(f"https://me:{SECRET}@example.org {project.root}/data")
    body = SectionBody(
        (code,),
        (
            Paragraph((code,)),
            Prose(code.text),
            Commands((code.text,)),
            ItemList(((code,),), 1, more=(code,)),
            ReportTable(((code,),), (((code,),),), 1, more=(code,)),
            Picture("a.png", code.text, b""),
        ),
        ((code,),),
        {"url": code.text, "api_key": "plain", "deep": [{"password": "plain"}]},
    )

    found = build(project, kind(body))

    for text in (render_markdown(found), render_report_page(found).decode(), str(report_json(found))):
        assert "example.org" in text
        assert SECRET not in text
        assert str(project.root) not in text
    assert "plain" not in str(report_json(found))
