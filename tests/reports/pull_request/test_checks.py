"""The section of data checks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from checking import BAD, GOOD, SUITE, add_data, recorded_state, write_suite
from workspaces import Project, write

from dver.git.git_repo import CommitId
from dver.profile_cache.profiles import profile_of
from dver.reports.pull_request.markdown import render_markdown
from dver.reports.pull_request.model import PullRequestReport, ReportedVersion, ReportSection, SectionBody
from dver.reports.pull_request.sections.checks import checks_section
from dver.reports.pull_request.subject import ReportSubject


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project.make(tmp_path / "repo")
    write_suite(found)
    write(found.root, {"people.csv": GOOD, "other": b"1"})
    add_data(found, "people.csv", "other")
    found.commit()
    return found


def version(project: Project, rev: str | None) -> ReportedVersion:
    commit = CommitId(project.git("rev-parse", rev).strip()) if rev is not None else None
    return ReportedVersion(rev or "workspace", rev or "workspace", commit)


def section(project: Project, old: str = "HEAD~1", new: str | None = "HEAD") -> SectionBody:
    with project.opened() as repo:
        return checks_section(ReportSubject(repo, version(project, old), version(project, new)))


def change(project: Project, content: bytes, *, checks: bool = False) -> None:
    write(project.root, {"people.csv": content})
    add_data(project, "people.csv", checks=checks)
    project.commit()


def test_a_new_failure_comes_first_and_says_how_the_base_was(project: Project) -> None:
    write_suite(project, SUITE.replace("rows:", "expressions: [ages: {value: age > 30, severity: warning}]\n    rows:"))
    change(project, BAD)
    before = recorded_state(project)
    found = section(project)
    assert recorded_state(project) == before
    failed = [(one["rule"], one["severity"], one["before"], one["skipped"]) for one in found.facts["failed"]]
    assert failed == [
        ("rows", "critical", "passed", True),
        ("unique", "warning", "passed", True),
        ("ages", "warning", "failed", True),
    ]
    assert found.summary == ("1 critical check failed, 2 warnings (2 new), checks of 1 path were skipped.",)


def test_patterns_match_recorded_files_that_are_not_in_the_workspace(project: Project) -> None:
    write_suite(project, "checks: {'dat/*.csv': {columns: {a: {max: 1}}}}\n")
    for files in ({"dat/a.csv": b"a\n1\n"}, {"dat/a.csv": b"a\n2\n", "dat/new.csv": b"a\n3\n"}):
        write(project.root, files)
        add_data(project, "dat", checks=False)
        project.commit()
    shutil.rmtree(project.root / "dat")
    failed = [(one["path"], one["rule"], one["before"]) for one in section(project).facts["failed"]]
    assert failed == [("dat/a.csv", "max", "passed"), ("dat/new.csv", "max", "new data")]


def test_rules_without_a_name_are_told_apart_by_what_they_expect(project: Project) -> None:
    write_suite(project, "checks: {people.csv: {expressions: [id < 2, id < 100, id > 1]}}\n")
    change(project, b"id,age\n1,30\n")
    change(project, b"id,age\n2,30\n")
    failed = [(one["expected"], one["before"]) for one in section(project).facts["failed"]]
    assert failed == [("id < 2", "passed")]


def test_data_that_passes_and_unchanged_data_are_left_out(project: Project) -> None:
    change(project, b"id,age\n1,30\n", checks=True)
    assert section(project) == SectionBody()
    change(project, BAD)
    project.commit()  # without changes of data
    assert section(project) == SectionBody()


def test_a_skipped_path_without_failures_is_named(project: Project) -> None:
    change(project, b"id,age\n1,30\n")
    found = section(project)
    assert found.facts["skipped"] == ["people.csv"]
    assert found.summary == ("Checks of 1 path were skipped.",)


def test_data_that_is_not_here_is_a_note(project: Project, tmp_path: Path) -> None:
    change(project, BAD)
    clone = project.clone(tmp_path / "clone", share=False)
    found = section(clone)
    assert len(found.notes) == 1
    assert found.facts["skipped"] == ["people.csv"]


def test_values_of_data_are_no_markup(project: Project) -> None:
    write_suite(project, "checks: {people.csv: {columns: {'<script>': {values: [a]}}}}\n")
    change(project, b"<script>\n<b>x</b>\n")
    body = section(project)
    old, new = version(project, "HEAD~1"), version(project, "HEAD")
    text = render_markdown(PullRequestReport(old, new, (ReportSection("checks", "Data checks", "", body),)))
    assert "`<script>`" in text
    assert not any(part for part in text.split("`")[::2] if "<script>" in part or "<b>" in part)


def test_the_drift_of_changed_data_is_shown_where_both_profiles_are_known(project: Project) -> None:
    change(project, b"id,age,city\n1,30,a\n2,40,b\n", checks=True)
    found = section(project)
    assert [(one["path"], one["column"], one["kinds"]) for one in found.facts["drift"]] == [
        ("people.csv", "city", ["new column"])
    ]
    assert found.summary == ("1 path drifted.",)


def test_data_without_checks_has_drift_if_its_profiles_are_known(project: Project) -> None:
    for content in (GOOD, b"id\n1\n"):
        write(project.root, {"plain.csv": content})
        add_data(project, "plain.csv")
        project.commit()
        assert section(project) == SectionBody()
    with project.opened() as repo:
        for rev in ("HEAD~1", "HEAD"):
            profile_of(repo, "plain.csv", cwd=project.root, rev=rev)
    assert [one["kinds"] for one in section(project).facts["drift"]] == [["missing column"]]
