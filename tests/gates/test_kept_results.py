"""Results of checks that are kept, and those that are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from checking import add_data, write_suite
from workspaces import Project, write

from dver.checks.result import RuleOutcome, RuleResult, Severity
from dver.core.errors import MissingObjectError
from dver.gates.data_checks import DataGate
from dver.gates.errors import FailedChecksError
from dver.gates.kept_results import ReplacedResult, keep_results, stable_part
from dver.ops.quality.check_data import CheckedPaths, check_data
from dver.tracking.targets import tracked_in_worktree

ROWS = "checks: {people.csv: {rows: {min: 1}}}\n"
QUERY = "checks: {people.csv: {sql: SELECT * FROM data WHERE id < 0}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


def outcomes(project: Project) -> list[str]:
    """Of the checks of the recorded people.csv."""
    with project.opened() as repo:
        checks = DataGate(repo)
        data = tracked_in_worktree(repo)[b"people.csv"]
        (found,) = checks.check_recorded(checks.suites_of(data.path), data)
        checks.keep()
    return [one.outcome.value for one in found.results]


def test_the_same_bytes_in_another_format_are_checked_again(project: Project) -> None:
    write_suite(project, "checks: {people.*: {schema: {columns: [id, name]}}}\n")
    write(project.root, {"people.csv": b"id,name\n1,a\n", "people.tsv": b"id,name\n1,a\n"})
    add_data(project, "people.csv")
    with pytest.raises(FailedChecksError, match=r"people\.tsv"):
        add_data(project, "people.tsv")


def test_data_that_is_not_here_fails_no_check(project: Project, tmp_path: Path) -> None:
    write(project.root, {"people.csv": b"id\n" + b"".join(b"%d\n" % (one * 7919 % 10007) for one in range(5000))})
    write_suite(project, ROWS)
    add_data(project, "people.csv")
    write_suite(project, QUERY)  # the profile has no answer to it
    (project.root / "people.csv").unlink()
    pack = max(project.store.rglob("*.pack"), key=lambda one: one.stat().st_size)
    shutil.move(pack, tmp_path / "pack")
    with pytest.raises(MissingObjectError):
        outcomes(project)
    shutil.move(tmp_path / "pack", pack)
    assert outcomes(project) == ["passed"]


def test_a_rule_without_the_profile_of_the_previous_version_says_how_to_download_it(
    project: Project, tmp_path: Path
) -> None:
    write(project.root, {"people.csv": b"id\n1\n"})
    write_suite(project, "checks: {people.csv: {rows: {change: 10 %}}}\n")
    add_data(project, "people.csv")
    project.commit()
    clone = project.clone(tmp_path / "clone", share=False)
    write(clone.root, {"people.csv": b"id\n1\n2\n"})
    with pytest.raises(FailedChecksError) as caught:
        add_data(clone, "people.csv")
    assert "; fix: dver fetch --profiles --rev HEAD people.csv; or, " in (caught.value.why or "")


def test_a_rule_that_could_not_be_evaluated_is_evaluated_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project.root, {"people.csv": b"id\n1\n"})
    write_suite(project, "checks: {people.csv: {sql: {value: SELECT nothing FROM data, severity: warning}}}\n")
    add_data(project, "people.csv")
    assert outcomes(project) == ["error"]
    monkeypatch.setattr("dver.gates.data_checks.rule_results", None)
    with pytest.raises(TypeError):
        outcomes(project)


def checked(project: Project) -> CheckedPaths:
    with project.opened() as repo:
        return check_data(repo, cwd=project.root)


def test_a_wrong_kept_result_is_replaced_by_what_check_data_finds(project: Project) -> None:
    write(project.root, {"people.csv": b"id\n1\n"})
    write_suite(project, "checks: {people.csv: {rows: {min: 2, change: 5 %}}}\n")
    add_data(project, "people.csv", checks=False)
    with project.opened() as repo:
        entry = tracked_in_worktree(repo)[b"people.csv"].entry
        (suite,) = DataGate(repo).suites_of(b"people.csv")
        part = stable_part(suite)
        assert part is not None
        claimed = RuleResult("rows", RuleOutcome.PASSED, Severity.CRITICAL, "at least 2 rows", "9 rows")
        keep_results(repo, part, entry, (claimed,))
    assert outcomes(project)[0] == "passed"
    found = checked(project)
    assert not found.passed
    assert found.replaced == (ReplacedResult("people.csv", "rows", None, RuleOutcome.PASSED, RuleOutcome.FAILED),)
    assert outcomes(project)[0] == "failed"
    assert checked(project).replaced == ()


def test_check_data_replaces_no_right_result(project: Project) -> None:
    write(project.root, {"people.csv": b"id\n1\n"})
    write_suite(project, "checks: {people.csv: {rows: 1, columns: {'*': {nulls: 0}}, drift: {against: HEAD}}}\n")
    add_data(project, "people.csv", checks=False)
    assert outcomes(project)[:2] == ["passed", "passed"]
    assert checked(project).replaced == ()


PRIVATE = "checks: {people.csv: {columns: {name: {min: {value: zz, severity: warning}}}}}\n"


def found_texts(project: Project) -> list[str]:
    """What `dver add` finds in people.csv."""
    return [result.found for one in add_data(project, "people.csv").checked for result in one.results]


def test_results_from_before_a_column_became_private_are_not_used(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project.root, {"people.csv": b"name\nann\nbob\n"})
    write_suite(project, PRIVATE)
    assert found_texts(project) == ["smallest value ann"]
    monkeypatch.setenv("DVER_PROFILE_PRIVATE", "name,phone")
    assert found_texts(project) == ["100 % failing rows (2 of 2 rows)"]
    monkeypatch.setattr("dver.gates.data_checks.rule_results", None)
    assert found_texts(project) == ["100 % failing rows (2 of 2 rows)"]
    monkeypatch.delenv("DVER_PROFILE_PRIVATE")
    assert found_texts(project) == ["smallest value ann"]
