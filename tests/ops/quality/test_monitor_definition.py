"""The options of a monitor in a `dver.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from workspaces import Project, write

from dver.core.errors import PipelineError, UsageError
from dver.monitoring.request import MonitorRequest
from dver.ops.quality.monitor_definition import request_for

ONE = b"monitors:\n  a: {reference: data.csv@v1, target: y, columns: {x: {method: psi, threshold: 0.2}}}\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.make(tmp_path_factory.mktemp("defined") / "project")


def request(project: Project, files: dict[str, bytes], *, cwd: Path | None = None, **given: Any) -> MonitorRequest:
    write(project.root, files)
    project.git("add", "--all")
    with project.opened() as repo:
        try:
            return request_for(repo, given, cwd=cwd or project.root)
        finally:
            for name in files:
                (project.root / name).unlink()
            project.git("add", "--all")


def test_the_only_monitor_needs_no_name(project: Project) -> None:
    found = request(project, {"dver.yaml": ONE})
    assert (found.name, found.reference, found.outputs.target) == ("a", "data.csv@v1", "y")
    assert found.settings.columns["x"].threshold == 0.2


def test_paths_are_relative_to_the_file(project: Project) -> None:
    found = request(project, {"team/dver.yaml": ONE})
    assert found.reference == "team/data.csv@v1"
    (project.root / "team/deep").mkdir(exist_ok=True)
    assert request(project, {"team/dver.yaml": ONE}, cwd=project.root / "team/deep").reference == "../data.csv@v1"


def test_given_options_count_more(project: Project) -> None:
    given = {"name": "a", "target": "z", "threshold": {"x": "0.3"}, "ignore": (), "record": False}
    found = request(project, {"dver.yaml": ONE}, **given)
    assert (found.outputs.target, found.record) == ("z", False)
    assert found.settings.columns["x"].threshold == 0.3
    assert found.settings.columns["x"].method is not None


def test_scores_of_classes_are_joined_with_given_ones(project: Project) -> None:
    several = b"monitors:\n  a: {reference: data.csv, class_score: {a: p_a, b: p_b, 3: p_c}}\n"
    found = request(project, {"dver.yaml": several}, class_score={"b": "other"})
    assert found.outputs.class_scores == (("a", "p_a"), ("b", "other"), ("3", "p_c"))


@pytest.mark.parametrize("given", [{"reference": "other.csv"}, {"model": "churn@v2"}])
def test_a_reference_on_the_command_line_replaces_that_of_the_named_monitor(
    project: Project, given: dict[str, str]
) -> None:
    found = request(project, {"dver.yaml": ONE}, name="a", **given)
    assert (found.reference, found.model) == (given.get("reference"), given.get("model"))
    assert (found.name, found.outputs.target) == ("a", "y")
    assert found.settings.columns["x"].threshold == 0.2


@pytest.mark.parametrize("name", [None, "new"])
def test_a_reference_without_a_defined_monitor_needs_no_dver_yaml(project: Project, name: str | None) -> None:
    for files in ({"dver.yaml": ONE}, {"dvc.yaml": b"stages: {}\n"}):
        found = request(project, files, reference="other.csv", name=name)
        assert (found.name, found.reference, found.outputs.target) == (name, "other.csv", None)


@pytest.mark.parametrize("given", [{}, {"reference": "other.csv"}])
def test_a_mistake_in_the_file_that_may_have_the_monitor_is_shown(project: Project, given: dict[str, str]) -> None:
    files = {"dver.yaml": ONE, "team/dver.yaml": b"monitors: {b: {reference: data.csv, tagret: y}}\n"}
    with pytest.raises(PipelineError, match="tagret"):
        request(project, files, name="b", **given)
    assert request(project, files, name="a", **given).outputs.target == "y"


def test_the_only_monitor_beside_a_file_with_a_mistake_needs_a_name(project: Project) -> None:
    with pytest.raises(PipelineError, match="tagret"):
        request(project, {"dver.yaml": ONE, "team/dver.yaml": b"monitors: {b: {reference: data.csv, tagret: y}}\n"})


@pytest.mark.parametrize(
    ("files", "name", "message"),
    [
        ({}, None, "either --reference or --model"),
        ({"dver.yaml": ONE + b"  b: {model: m}\n"}, None, "dver.yaml has the monitors a, b"),
        ({"dver.yaml": ONE}, "aa", "no monitor 'aa'"),
        ({"dver.yaml": ONE, "team/dver.yaml": ONE}, "a", "several monitors"),
        ({}, "a", "no dver.yaml has monitors"),
    ],
)
def test_an_unclear_monitor_is_refused(
    project: Project, files: dict[str, bytes], name: str | None, message: str
) -> None:
    with pytest.raises(UsageError) as error:
        request(project, files, name=name)
    assert message in f"{error.value.what} {error.value.why} {error.value.fix}"
