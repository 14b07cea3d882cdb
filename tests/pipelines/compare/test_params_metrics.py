from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from dver.core.errors import DverError, PipelineError
from dver.pipelines.compare.compared_versions import ReadProblem
from dver.pipelines.compare.params_metrics import (
    SideValues,
    WantedValues,
    compare_sides,
    metrics_of,
    params_of,
)
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.stage import PipelineFile


@dataclass
class MemorySide:
    """A side that has only pipelines."""

    pipelines: Mapping[str, PipelineFile | DverError]
    name: str = "workspace"

    def read(self, path: str) -> bytes:
        raise NotImplementedError(path)

    def below(self, path: str) -> list[str] | None:
        raise NotImplementedError(path)


def side(**files: str) -> MemorySide:
    """`top` is the file at the top, all others are in the directory of their name."""
    return MemorySide(
        {"" if name == "top" else name: load_pipeline_file(text.encode(), {}.get) for name, text in files.items()}
    )


STAGE = """
stages:
  train:
    cmd: train
    wdir: src
    params: [lr, more.yaml: [a, b], whole.json: null]
    metrics: [m.json]
"""


def test_keys_of_a_file_add_up_until_the_whole_file_is_wanted() -> None:
    wanted = WantedValues()
    wanted.add("p", ["a"])
    wanted.add("p", ["b", "a"])
    assert wanted.keys == {"p": {"a", "b"}}
    wanted.add("p")
    wanted.add("p", ["c"])
    assert wanted.keys == {"p": None}


def test_parameters_are_those_of_stages_and_of_params_yaml() -> None:
    problems: list[ReadProblem] = []
    found = params_of(side(top=STAGE), problems, only_stages=True)
    assert found.keys == {"src/params.yaml": {"lr"}, "src/more.yaml": {"a", "b"}, "src/whole.json": None}
    found = params_of(side(top=STAGE, ml="params: [own.toml]\n"), problems)
    assert {path for path, keys in found.keys.items() if keys is None} == {
        "src/whole.json",
        "params.yaml",
        "ml/own.toml",
        "ml/params.yaml",
    }
    assert found.optional == {"params.yaml", "ml/params.yaml"}
    assert problems == []


def test_a_params_yaml_that_is_named_may_not_be_missing() -> None:
    found = params_of(side(top="params: [params.yaml]\n"), [])
    assert (found.keys, found.optional) == ({"params.yaml": None}, set())


def test_metrics_are_those_of_stages_and_of_the_top_level() -> None:
    found = metrics_of(side(top=STAGE, ml="metrics: [a.json, ../b.json]\n"), [])
    assert list(found.keys) == ["src/m.json", "ml/a.json", "b.json"]


@pytest.mark.parametrize("path", ["..", "../x.json", "sub/../..", "sub/../../x.json"])
def test_files_outside_of_the_repository_are_not_read(path: str) -> None:
    for key, find in (("metrics", metrics_of), ("params", params_of)):
        problems: list[ReadProblem] = []
        found = find(side(top=f"{key}: [{path}]\n"), problems)
        assert all(not one.startswith("..") for one in found.keys)
        assert [one.error.what for one in problems] == [
            f"{posixpath.normpath(path)!r} in 'dver.yaml' is outside of the repository"
        ]


def test_a_name_that_begins_with_two_dots_is_inside() -> None:
    assert list(metrics_of(side(top="metrics: [..x.json]\n"), []).keys) == ["..x.json"]


def test_an_unreadable_pipeline_is_a_problem_and_the_others_count() -> None:
    problems: list[ReadProblem] = []
    broken = MemorySide({"bad": PipelineError("broken"), **side(top=STAGE).pipelines})
    assert list(metrics_of(broken, problems).keys) == ["src/m.json"]
    assert [one.error.what for one in problems] == ["broken"]


def test_sides_are_compared_file_by_file() -> None:
    old = SideValues("old", {"a": {"x": 1}, "gone": {"y": 2}})
    new = SideValues("new", {"a": {"x": 2}, "b": {}})
    found = compare_sides(old, new)
    assert list(found) == ["a", "b", "gone"]
    assert [(one.key, one.old, one.new) for one in found["a"]] == [("x", 1, 2)]
    assert [one.differs for one in found["gone"]] == [True]
    assert found["b"] == ()
