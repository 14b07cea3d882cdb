from __future__ import annotations

import math
from typing import Any

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.interpolate import as_node
from dver.pipelines.definition.variables import file_variables, merge_variables, stage_variables
from dver.pipelines.definition.yaml_tree import Mark, Node

AT = Mark("dver.yaml", 1, 1)
FILES = {
    "params.yaml": b"lr: 0.1\n",
    "more.yaml": b"lr: 0.1\nseed: 3\nopt: {kind: adam}\n",
    "sub/own.toml": b"deep = true\n",
    "sub/params.yaml": b"lr: 0.5\n",
}


def listed(*items: object) -> Node:
    return as_node(items, AT)


def test_params_yaml_is_read_without_being_listed() -> None:
    assert file_variables(None, FILES.get) == {"lr": 0.1}
    assert file_variables(None, {}.get) == {}
    assert file_variables(as_node(None, AT), FILES.get) == {"lr": 0.1}


def test_files_and_mappings_are_merged() -> None:
    found = file_variables(listed("more.yaml", {"opt": {"beta": 0.9}}, {"x": [1]}), FILES.get)
    assert found == {"lr": 0.1, "seed": 3, "opt": {"kind": "adam", "beta": 0.9}, "x": [1]}


def test_a_file_may_contribute_only_some_keys() -> None:
    assert file_variables(listed("more.yaml: seed , lr"), FILES.get) == {"seed": 3, "lr": 0.1}
    assert file_variables(listed("params.yaml:lr"), FILES.get) == {"lr": 0.1}
    with pytest.raises(PipelineError, match=r"key 'nope' not found in 'more\.yaml'"):
        file_variables(listed("more.yaml:seed,nope"), FILES.get)


def test_variables_of_a_stage_are_read_from_its_working_directory() -> None:
    found = stage_variables({"lr": 0.1}, listed("own.toml", "../more.yaml:seed"), "sub", FILES.get)
    assert found == {"lr": 0.1, "deep": True, "seed": 3}
    known = {"a": 1}
    assert stage_variables(known, None, "sub", FILES.get) is known


def test_a_stage_cannot_change_a_variable_of_the_file() -> None:
    with pytest.raises(PipelineError) as caught:
        stage_variables({"lr": 0.1}, listed("params.yaml"), "sub", FILES.get)
    assert caught.value.what == "dver.yaml:1:1: variable 'lr' is defined twice: as 0.1 and as 0.5"
    assert caught.value.fix == "rename one of them"


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        (["missing.yaml"], "file 'missing.yaml' not found"),
        ([3], "expected a file or a mapping, not a number"),
        ([None], "expected a file or a mapping, not nothing"),
        (["${x}.yaml"], "`vars` cannot contain ${…}"),
        ([{"a": [{"b": "${x}"}]}], "`vars` cannot contain ${…}"),
        ([{"${x}": 1}], "`vars` cannot contain ${…}"),
    ],
)
def test_invalid_elements_are_refused(items: list[Any], problem: str) -> None:
    with pytest.raises(PipelineError) as caught:
        file_variables(listed(*items), FILES.get)
    assert caught.value.what == f"dver.yaml:1:1: {problem}"


def test_vars_that_are_no_list_are_refused() -> None:
    with pytest.raises(PipelineError, match="expected a list of files and mappings, not a mapping"):
        file_variables(as_node({"a": 1}, AT), FILES.get)


def test_equal_values_may_be_defined_twice() -> None:
    both = {"a": {"b": 1, "nan": math.nan}, "xs": [1]}
    assert merge_variables(both, both, AT) == both


@pytest.mark.parametrize(
    ("more", "name"), [({"a": {"b": 2}}, "a.b"), ({"a": 1}, "a"), ({"x": {"y": 1}}, "x"), ({"x": [1, 3]}, "x")]
)
def test_two_values_of_one_name_are_refused_by_their_full_name(more: dict[str, Any], name: str) -> None:
    with pytest.raises(PipelineError, match=f"variable '{name}' is defined twice"):
        merge_variables({"a": {"b": 1}, "x": [1, 2]}, more, AT)


def test_merging_leaves_both_sides_unchanged() -> None:
    left: dict[str, Any] = {"a": {"b": 1}}
    right: dict[str, Any] = {"a": {"c": 2}}
    assert merge_variables(left, right, AT) == {"a": {"b": 1, "c": 2}}
    assert (left, right) == ({"a": {"b": 1}}, {"a": {"c": 2}})
