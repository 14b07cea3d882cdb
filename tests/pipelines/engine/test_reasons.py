from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dver.core.oid import Oid
from dver.formats import lock
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.param_files import ABSENT
from dver.pipelines.definition.stage import Stage
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.reasons import (
    Always,
    CommandChanged,
    DependencyChanged,
    DependencyMissing,
    EnvChanged,
    FolderChanged,
    Inputs,
    NeverRun,
    OutputChanged,
    OutputMissing,
    OutputsDiffer,
    ParamChanged,
    find_reasons,
    lock_entry,
    run_key,
)


def item(path: str, content: bytes = b"", **more: Any) -> LockedItem:
    return LockedItem(path, ObjectKind.BLOB, Oid.of(content), len(content), **more)


def stage(**more: Any) -> Stage:
    found = load_pipeline_file(b"stages: {one: {cmd: run, deps: [a, b], outs: [x]}}", {}.get).stages["one"]
    return replace(found, **more)


INPUTS = Inputs(
    deps={"a": item("a"), "b": item("b")},
    params={"params.yaml": {"lr": 0.1, "train": {"deep": True, "layers": [1, 2]}}},
    env={"SEED": "1"},
)
OUTS = {"x": item("x")}
LAST = lock.LockedStage("run", tuple(INPUTS.deps.values()), (item("x"),), INPUTS.params, INPUTS.env)  # type: ignore[arg-type]


def key(found: Stage, inputs: Inputs) -> str:
    return run_key(lock_entry(found, inputs), [one.path for one in found.outs])


def test_a_stage_that_nothing_changed_for_has_no_reason() -> None:
    assert find_reasons(stage(), LAST, INPUTS, OUTS) == ()


def test_the_order_of_dependencies_means_nothing() -> None:
    turned = replace(INPUTS, deps=dict(reversed(INPUTS.deps.items())))
    assert find_reasons(stage(), LAST, turned, OUTS) == ()
    assert key(stage(), turned) == key(stage(), INPUTS)


def test_a_stage_that_never_ran_says_so_and_what_it_lacks() -> None:
    lacking = replace(INPUTS, deps={"a": None, "b": item("b")})
    assert find_reasons(stage(), None, INPUTS, OUTS) == (NeverRun(),)
    assert find_reasons(stage(), None, lacking, OUTS) == (NeverRun(), DependencyMissing("a"))


@pytest.mark.parametrize("cmd", ["run ", "run  it", ("run",)])
def test_another_command_is_a_reason_even_if_only_its_spaces_changed(cmd: str | tuple[str, ...]) -> None:
    assert find_reasons(stage(cmd=cmd), LAST, INPUTS, OUTS) == (CommandChanged("run", cmd),)


def test_another_folder_is_a_reason() -> None:
    assert find_reasons(stage(wdir="sub"), LAST, INPUTS, OUTS) == (FolderChanged(".", "sub"),)


def test_dependencies_that_changed_came_or_went_are_reasons() -> None:
    deps = {"a": item("a", b"new"), "c": item("c")}
    assert find_reasons(stage(), LAST, replace(INPUTS, deps=deps), OUTS) == (
        DependencyChanged("a", item("a"), item("a", b"new")),
        DependencyChanged("c", None, item("c")),
        DependencyChanged("b", item("b"), None),
    )


def test_a_file_made_executable_has_changed() -> None:
    deps = {"a": item("a", executable=True), "b": item("b")}
    assert len(find_reasons(stage(), LAST, replace(INPUTS, deps=deps), OUTS)) == 1


def test_parameters_are_compared_one_by_one() -> None:
    values = {"params.yaml": {"lr": 1, "train": {"deep": 1, "layers": [1, 2]}, "new": None}}
    assert find_reasons(stage(), LAST, replace(INPUTS, params=values), OUTS) == (
        ParamChanged("params.yaml", "lr", 0.1, 1),
        ParamChanged("params.yaml", "new", ABSENT, None),
        ParamChanged("params.yaml", "train.deep", True, 1),
    )
    gone = replace(INPUTS, params={})
    assert find_reasons(stage(), LAST, gone, OUTS)[0] == ParamChanged("params.yaml", "lr", 0.1, ABSENT)


@pytest.mark.parametrize("layers", [[1, 2.0], [1], [True, 2]])
def test_lists_are_compared_by_value_and_type(layers: list[Any]) -> None:
    values = {"params.yaml": {"lr": 0.1, "train": {"deep": True, "layers": layers}}}
    assert len(find_reasons(stage(), LAST, replace(INPUTS, params=values), OUTS)) == 1


def test_environment_variables_are_reasons() -> None:
    assert find_reasons(stage(), LAST, replace(INPUTS, env={"SEED": None, "MORE": "2"}), OUTS) == (
        EnvChanged("MORE", ABSENT, "2"),
        EnvChanged("SEED", "1", None),
    )


def test_outputs_that_are_gone_changed_or_others_are_reasons() -> None:
    assert find_reasons(stage(), LAST, INPUTS, {"x": None}) == (OutputMissing("x"),)
    assert find_reasons(stage(), LAST, INPUTS, {"x": item("x", b"edited")}) == (
        OutputChanged("x", item("x"), item("x", b"edited")),
    )
    other = load_pipeline_file(b"stages: {one: {cmd: run, deps: [a, b], outs: [y]}}", {}.get).stages["one"]
    assert find_reasons(other, LAST, INPUTS, {"y": item("y")}) == (OutputsDiffer(("y",), ("x",)),)


def test_a_stage_that_always_changed_says_so() -> None:
    assert find_reasons(stage(always_changed=True), LAST, INPUTS, OUTS) == (Always(),)


def test_the_same_work_has_the_same_key_wherever_it_is() -> None:
    assert key(stage(name="other", desc="other", retry=5), INPUTS) == key(stage(), INPUTS)
    assert len(key(stage(), INPUTS)) == 64


@pytest.mark.parametrize(
    ("changed", "inputs"),
    [
        ({"cmd": "run "}, {}),
        ({"cmd": ("run",)}, {}),
        ({"wdir": "sub"}, {}),
        ({"outs": ()}, {}),
        ({}, {"deps": {"a": item("a"), "b": item("b", b"2")}}),
        ({}, {"deps": {"a": item("a"), "b": item("b", executable=True)}}),
        ({}, {"params": {"params.yaml": {"lr": 0.2}}}),
        ({}, {"env": {"SEED": None}}),
    ],
)
def test_other_work_has_another_key(changed: dict[str, Any], inputs: dict[str, Any]) -> None:
    assert key(stage(**changed), replace(INPUTS, **inputs)) != key(stage(), INPUTS)


def test_addresses_tell_where_a_stage_is() -> None:
    assert [str(one) for one in (Address("", "a"), Address("b/c", "a"))] == ["a", "b/c/dver.yaml:a"]
