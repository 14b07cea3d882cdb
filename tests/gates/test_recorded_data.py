"""The suites of data that a pointer or a lock records, whatever the workspace has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from checking import add_data, write_suite
from workspaces import Project, write

from dver.core.errors import MissingObjectError
from dver.gates.data_checks import DataGate
from dver.gates.recorded_data import suites_of_data
from dver.pipelines.execution.repro import ReproOptions, repro
from dver.pipelines.workspace.pipelines import pipelines_of_workspace
from dver.tracking.targets import tracked_in_worktree

RULES = "{rows: {min: 1}}"
SPLIT = """\
stages:
  split:
    cmd: mkdir parts && cp source.csv parts/a.csv
    deps: [source.csv]
    outs: [parts: {checks: {rows: {max: 3}}}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.make(tmp_path / "repo")
    write(made.root, {"dat/a.csv": b"x\n1\n", "dat/deep/b.csv": b"x\n1\n"})
    add_data(made, "dat")
    made.commit()
    return made


def suite_paths(project: Project, data: str = "dat") -> list[str]:
    with project.opened() as repo:
        one = tracked_in_worktree(repo)[data.encode()]
        found = suites_of_data(DataGate(repo), one, pipelines_of_workspace(repo))
    return [suite.path.decode() for suite in found]


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        ("dat/*.csv", ["dat/a.csv"]),
        ("dat/**/*.csv", ["dat/a.csv", "dat/deep/b.csv"]),
        ("d*", ["dat"]),
        ("*/deep", ["dat/deep"]),
        ("dat/[a-c].csv", ["dat/a.csv"]),
    ],
)
def test_patterns_match_the_same_paths_with_and_without_the_files(
    project: Project, pattern: str, matching: list[str]
) -> None:
    write_suite(project, f"checks: {{'{pattern}': {RULES}}}\n")
    assert suite_paths(project) == matching
    shutil.rmtree(project.root / "dat")
    assert suite_paths(project) == matching


def test_patterns_do_not_match_files_that_are_not_recorded(project: Project) -> None:
    write_suite(project, f"checks: {{'dat/*.csv': {RULES}}}\n")
    write(project.root, {"dat/new.csv": b"x\n"})
    assert suite_paths(project) == ["dat/a.csv"]


def test_a_name_with_the_characters_of_a_pattern_is_that_file(project: Project) -> None:
    write(project.root, {"odd/[1]/a[1].csv": b"x\n1\n", "odd/1/a1.csv": b"x\n1\n"})
    add_data(project, "odd")
    write_suite(project, f"checks: {{'odd/[1]/a[1].csv': {RULES}}}\n")
    shutil.rmtree(project.root / "odd")
    assert suite_paths(project, "odd") == ["odd/[1]/a[1].csv"]


def test_patterns_match_the_recorded_files_of_an_output(project: Project) -> None:
    write(project.root, {"dver.yaml": SPLIT.encode(), "source.csv": b"x\n1\n"})
    with project.opened() as repo:
        assert repro(repo, ReproOptions(), cwd=project.root).succeeded
    write_suite(project, f"checks: {{'*/*.csv': {RULES}}}\n")
    shutil.rmtree(project.root / "parts")
    assert suite_paths(project, "parts") == ["parts/a.csv", "parts"]


def test_only_listings_that_a_pattern_may_match_have_to_be_here(project: Project, tmp_path: Path) -> None:
    clone = project.clone(tmp_path / "clone", share=False)
    for pattern in ("dat", "*.csv", "other/**/*.csv", "d?t"):
        write_suite(clone, f"checks: {{'{pattern}': {RULES}}}\n")
        assert suite_paths(clone) == (["dat"] if pattern in ("dat", "d?t") else [])
    write_suite(clone, f"checks: {{'*/*.csv': {RULES}}}\n")
    with pytest.raises(MissingObjectError, match="'dat'"):
        suite_paths(clone)
