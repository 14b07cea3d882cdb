"""Checks of the data of a version that is registered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from checking import BAD, GOOD, add_data, write_suite
from workspaces import Project, write

from dver.formats.registry_tag import TagDetails
from dver.gates.errors import FailedChecksError
from dver.gates.recorded_checks import checks_passed, recorded_checks, summary_text
from dver.gitflow.registry_changes import ChangeOptions
from dver.models.version_choice import NEXT
from dver.ops.model.register import RegistrationSource, register, register_changed
from dver.ops.model.show import show_model
from dver.pipelines.execution.repro import ReproOptions, repro

PIPELINE = """\
stages:
  train:
    cmd: tr a-z A-Z < people.csv > model.bin; cp people.csv scores.csv
    deps: [people.csv]
    outs: [model.bin, scores.csv: {checks: {rows: {max: 3}}}]
artifacts:
  churn: {path: model.bin, type: model}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project.make(tmp_path / "repo")
    write_suite(found)
    write(found.root, {"dver.yaml": PIPELINE.encode()})
    return found


def train(project: Project, rows: bytes, *, checks: bool = True) -> None:
    write(project.root, {"people.csv": rows})
    add_data(project, "people.csv", checks=checks)
    with project.opened() as repo:
        assert repro(repo, ReproOptions(checks=checks), cwd=project.root).succeeded
    project.git("add", "-A")
    project.commit()


def registered(project: Project, *, require: bool) -> TagDetails:
    source = RegistrationSource(require_checks=require)
    with project.opened() as repo:
        (change,) = register(repo, "churn", NEXT, source, ChangeOptions(), cwd=project.root).registered
        selected = show_model(repo, "churn@latest").selected
        assert selected is not None
        assert selected.checks == change.details.checks
    return change.details


def test_the_checks_of_inputs_and_outputs_are_recorded(project: Project) -> None:
    train(project, GOOD)
    checks = registered(project, require=True).checks
    assert checks == {"pass": True, "passed": 3, "critical": 0, "warnings": 0}
    assert checks_passed(checks)
    assert summary_text(checks) == "3 passed"


def test_a_version_whose_data_fails_is_refused_only_if_checks_are_required(project: Project) -> None:
    train(project, BAD, checks=False)
    with pytest.raises(FailedChecksError) as caught:
        registered(project, require=True)
    assert caught.value.what == "'churn' is not registered: people.csv, scores.csv fail 2 critical checks"
    assert project.git("tag", "--list") == ""
    checks = registered(project, require=False).checks
    assert (checks["pass"], checks["critical"], checks["warnings"]) == (False, 2, 1)
    assert checks["skipped"] == ["people.csv", "scores.csv"]
    assert not checks_passed(checks)
    assert summary_text(checks) == "0 passed, 2 critical failed, 1 warning, skipped for people.csv, scores.csv"


def test_changed_models_are_refused_one_by_one(project: Project) -> None:
    train(project, BAD, checks=False)
    with project.opened() as repo:
        found = register_changed(repo, [], RegistrationSource(require_checks=True), ChangeOptions())
    assert [type(one.error) for one in found.failed] == [FailedChecksError]


def test_known_results_are_used_where_the_data_is_not(project: Project, tmp_path: Path) -> None:
    train(project, GOOD)
    shutil.rmtree(project.root / ".git/dver/store/loose", ignore_errors=True)
    for name in ("people.csv", "scores.csv", "model.bin"):
        (project.root / name).unlink()
    assert registered(project, require=True).checks["pass"]


def test_data_that_cannot_be_checked_is_unknown_and_the_error_names_the_fix(project: Project, tmp_path: Path) -> None:
    train(project, GOOD)
    clone = project.clone(tmp_path / "clone", share=False)
    with pytest.raises(FailedChecksError) as caught:
        registered(clone, require=True)
    assert caught.value.fix == "dver fetch people.csv scores.csv"
    checks = registered(clone, require=False).checks
    assert checks["unknown"] == ["people.csv", "scores.csv"]
    assert not checks_passed(checks)


def test_a_pattern_refuses_a_version_also_where_its_files_are_not(project: Project) -> None:
    write(project.root, {"dver.yaml": b"artifacts: {churn: {path: dat, type: dataset}}\n", "dat/a.csv": b"a\n2\n"})
    write_suite(project, "checks: {'dat/*.csv': {columns: {a: {max: 1}}}}\n")
    add_data(project, "dat", checks=False)
    project.git("add", "-A")
    project.commit()
    shutil.rmtree(project.root / "dat")
    with pytest.raises(FailedChecksError, match=r"dat/a\.csv fails 1 critical check"):
        registered(project, require=True)
    assert not registered(project, require=False).checks["pass"]


def test_a_directory_whose_listing_is_not_here_is_unknown(project: Project, tmp_path: Path) -> None:
    write(project.root, {"dver.yaml": b"artifacts: {churn: {path: dat, type: dataset}}\n", "dat/a.csv": b"a\n1\n"})
    write_suite(project, "checks: {'dat/*.csv': {columns: {a: {max: 1}}}}\n")
    add_data(project, "dat")
    project.git("add", "-A")
    project.commit()
    clone = project.clone(tmp_path / "clone", share=False)
    with pytest.raises(FailedChecksError) as caught:
        registered(clone, require=True)
    assert caught.value.fix == "dver fetch dat"
    assert registered(clone, require=False).checks["unknown"] == ["dat"]


def test_without_rules_nothing_is_recorded(project: Project) -> None:
    (project.root / "dver.checks.yaml").unlink()
    write(project.root, {"dver.yaml": PIPELINE.replace(": {checks: {rows: {max: 3}}}", "").encode()})
    train(project, BAD)
    assert registered(project, require=True).checks == {}
    assert checks_passed({})
    assert recorded_checks(()) == {}
    assert summary_text({}) == ""
