from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support import Run
from workspaces import Project, write

from dver.checks.result import RuleOutcome, RuleResult, Severity
from dver.gates.data_checks import DataGate
from dver.gates.kept_results import keep_results
from dver.tracking.targets import tracked_in_worktree

RULES = """\
checks:
  people.csv:
    rows: 3
    columns:
      age: {max: 45, min: {value: 35, severity: warning}, regex: '(', nulls: 0}
      "<b>": {unique: true}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = Project.make(tmp_path / "project")
    write(made.root, {"people.csv": b"age,<b>\n30,a\n40,<script>\n50,a\n"})
    (made.root / "dver.checks.yaml").write_text(RULES)
    return made.root


def test_failed_rules_are_printed_with_rows_and_the_exit_code_is_1(run: Run, project: Path) -> None:
    ended = run("check", "data", "--rows", "1", cwd=project, rc=1)
    assert ended.out.startswith("people.csv: 2 checks passed, 1 warning, 3 failed (dver.checks.yaml)\n")
    assert "  critical  age: max\n      expected  at most 45\n      found     greatest value 50\n" in ended.out
    assert "        row  age  <b>\n        3    50   a\n" in ended.out
    assert "  warning   age: min\n      expected  at least 35\n      found     smallest value 30\n" in ended.out
    assert "missing )" in ended.out
    assert "  passed    rows: 3 rows\n" in run("check", "data", "-v", cwd=project, rc=1).out


def test_warnings_leave_the_exit_code_0(run: Run, project: Path) -> None:
    (project / "dver.checks.yaml").write_text("severity: warning\nchecks: {people.csv: {rows: 4}}\n")
    assert run("check", "data", cwd=project).out.startswith(
        "people.csv: 0 checks passed, 1 warning (dver.checks.yaml)\n"
    )


def test_json_has_all_results(run: Run, project: Path) -> None:
    found = run("check", "data", "--json", cwd=project, rc=1).json["checked"][0]
    assert [one["outcome"] for one in found["results"]] == ["passed", "passed", "failed", "failed", "error", "failed"]


def test_junit_has_the_elements_and_attributes_of_the_schema_of_ant(run: Run, project: Path) -> None:
    run("check", "data", "--junit", "out/checks.xml", "--rows", "1", cwd=project, rc=1)
    root = ElementTree.parse(project / "out/checks.xml").getroot()
    (suite,) = root
    assert (root.tag, root.attrib) == ("testsuites", {})
    kinds = [one.tag for one in suite]
    assert kinds == ["properties", *["testcase"] * 6, "system-out", "system-err"]
    numbers = {name: suite.attrib[name] for name in ("tests", "failures", "errors", "id", "time")}
    assert numbers == {"tests": "6", "failures": "2", "errors": "1", "id": "0", "time": "0"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    assert set(suite.attrib) == {*numbers, "name", "package", "timestamp", "hostname"}
    assert all(set(one.attrib) == {"name", "classname", "time"} and len(one) < 2 for one in suite.iter("testcase"))
    problems = [problem for one in suite.iter("testcase") for problem in one]
    assert [one.tag for one in problems] == ["failure", "error", "failure"]
    assert all(set(one.attrib) == {"type", "message"} and len(one) == 0 for one in problems)
    assert "warning: age min: expected at least 35" in (suite.findtext("system-out") or "")


def test_the_page_has_no_markup_of_the_data(run: Run, project: Path) -> None:
    run("check", "data", "--html", "checks.html", "--rows", "3", cwd=project, rc=1)
    page = (project / "checks.html").read_text()
    assert "greatest value 50" in page
    assert "&lt;b&gt;" in page
    assert "<script>" not in page


def test_other_files_are_not_overwritten(run: Run, project: Path) -> None:
    for option in ("--html", "--junit"):
        (project / "mine").write_text("mine")
        assert "mine" in run("check", "data", option, "mine", cwd=project, rc=4).err
        assert (project / "mine").read_text() == "mine"
    run("check", "data", "--junit", "x.xml", cwd=project, rc=1)
    run("check", "data", "--junit", "x.xml", cwd=project, rc=1)


def test_init_proposes_rules_and_prints_them_with_dry_run(run: Run, project: Path) -> None:
    assert "already has rules for 'people.csv'" in run("checks", "init", "people.csv", cwd=project, rc=4).err
    shown = run("checks", "init", "people.csv", "--dry-run", cwd=project).out
    assert "rows: {min: 1}  # 3 now" in shown
    (project / "dver.checks.yaml").unlink()
    assert run("checks", "init", "people.csv", cwd=project).out == "added 8 rules for people.csv to dver.checks.yaml\n"
    run("check", "data", cwd=project)


def test_a_wrong_kept_result_is_named_when_it_is_replaced(run: Run, tmp_path: Path) -> None:
    made = Project.make(tmp_path / "kept")
    write(made.root, {"a.csv": b"x\n1\n"})
    made.save("a.csv")
    (made.root / "dver.checks.yaml").write_text("checks: {a.csv: {rows: {min: 2}}}\n")
    with made.opened() as repo:
        (suite,) = DataGate(repo).suites_of(b"a.csv")
        claimed = RuleResult("rows", RuleOutcome.PASSED, Severity.CRITICAL, "at least 2 rows", "9 rows")
        keep_results(repo, suite, tracked_in_worktree(repo)[b"a.csv"].entry, (claimed,))
    warning = "warning: kept result of a.csv rows said passed, but the check failed: replaced it"
    assert warning in run("check", "data", cwd=made.root, rc=1).err
    assert warning not in run("check", "data", cwd=made.root, rc=1).err
