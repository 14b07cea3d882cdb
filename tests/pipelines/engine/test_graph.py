from __future__ import annotations

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.stage import is_pattern
from dver.pipelines.engine.graph import Address, Graph, build_graph, closure

Wanted = dict[str, tuple[list[str], list[str]]]
"""Dependencies and outputs by name of the stage."""


def graph(stages: Wanted, folder: str = "") -> Graph:
    lines = ["stages:"]
    for name, (deps, outs) in stages.items():
        lines += [f"  {name}:", f"    cmd: make {name}", f"    deps: {deps}", f"    outs: {outs}"]
    found = load_pipeline_file("\n".join(lines).encode(), {}.get).stages
    return build_graph({Address(folder, name): stage for name, stage in found.items()})


def links(found: Graph) -> dict[str, list[str]]:
    return {one.name: [other.name for other in others] for one, others in found.upstream.items()}


def order(found: Graph) -> list[str]:
    return [one.name for one in found.order]


def test_who_reads_what_another_makes_comes_after_it() -> None:
    found = graph({"last": (["b"], []), "middle": (["a"], ["b"]), "first": ([], ["a"])})
    assert links(found) == {"last": ["middle"], "middle": ["first"], "first": []}
    assert order(found) == ["first", "middle", "last"]
    assert {one.name: [two.name for two in more] for one, more in found.downstream().items()} == {
        "first": ["middle"],
        "middle": ["last"],
        "last": [],
    }


def test_stages_that_do_not_meet_stay_as_they_are_written() -> None:
    assert order(graph({"c": ([], ["x"]), "a": ([], ["y"]), "b": ([], ["z"])})) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("reads", "makes"),
    [
        ("data/out", "data/out"),
        ("data/out/part/file.csv", "data/out"),
        ("data", "data/out"),
        ("data/*.csv", "data/a.csv"),
        ("data/*.csv", "data"),
        ("*/a.csv", "data/a.csv"),
        ("data/**/a.csv", "data/x/y/a.csv"),
        ("data/*/a.csv", "data/x"),
        ("data/[ab].csv", "data/b.csv"),
        ("**", "data/x"),
        ("*", "data"),
    ],
)
def test_a_dependency_meets_what_is_at_in_or_around_it(reads: str, makes: str) -> None:
    assert links(graph({"reads": ([reads], []), "makes": ([], [makes])}))["reads"] == ["makes"]


@pytest.mark.parametrize(
    ("reads", "makes"),
    [
        ("data/out", "data/out2"),
        ("data/out2", "data/out"),
        ("data/*.csv", "data/a.txt"),
        ("data/*.csv", "other/a.csv"),
        ("data/*.csv", "data/sub/a.csv"),
        ("a/*/b", "a/x/c"),
    ],
)
def test_a_dependency_does_not_meet_what_is_beside_it(reads: str, makes: str) -> None:
    assert links(graph({"reads": ([reads], []), "makes": ([], [makes])}))["reads"] == []


def test_parameters_that_a_stage_makes_are_dependencies() -> None:
    text = "stages:\n  a: {cmd: a, outs: [found.yaml]}\n  b: {cmd: b, params: [found.yaml: [lr]]}\n"
    found = build_graph(
        {Address("", name): stage for name, stage in load_pipeline_file(text.encode(), {}.get).stages.items()}
    )
    assert links(found) == {"a": [], "b": ["a"]}


def test_stages_of_several_files_meet() -> None:
    files = {
        "prepare": "stages: {make: {cmd: a, outs: [../data/x]}}",
        "train": "stages: {use: {cmd: b, deps: [../data]}}",
    }
    stages = {
        Address(folder, name): stage
        for folder, text in files.items()
        for name, stage in load_pipeline_file(text.encode(), {}.get).stages.items()
    }
    found = build_graph(stages)
    assert found.upstream[Address("train", "use")] == (Address("prepare", "make"),)
    assert found.producers == {"data/x": Address("prepare", "make")}
    assert str(Address("prepare", "make")) == "prepare/dver.yaml:make"


def test_all_that_depends_on_a_stage_is_reached() -> None:
    found = graph({"a": ([], ["x"]), "b": (["x"], ["y"]), "c": (["y"], []), "d": ([], ["z"])})
    assert closure([Address("", "a")], found.downstream()) == {Address("", name) for name in "abc"}
    assert closure([Address("", "c")], found.upstream) == {Address("", name) for name in "abc"}


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ({"a": ([], ["x"]), "b": ([], ["./x"])}, "stages 'a' and 'b' have the same output 'x'"),
        ({"a": ([], ["x"]), "b": ([], ["x/y/z"])}, "output 'x/y/z' of stage 'b' is inside output 'x' of stage 'a'"),
        ({"a": ([], ["x/y"]), "b": ([], ["x"])}, "output 'x/y' of stage 'a' is inside output 'x' of stage 'b'"),
        ({"a": ([], ["../x"])}, "'../x' is outside of the repository"),
        ({"a": (["../x"], [])}, "'../x' is outside of the repository"),
        ({"a": ([], ["."])}, "the output of stage 'a' is the repository itself"),
        ({"a": (["x/y"], ["x"])}, "stage 'a' depends on its own output 'x/y'"),
        ({"a": (["*.csv"], ["x.csv"])}, "stage 'a' depends on its own output '*.csv'"),
        ({"a": (["y"], ["x"]), "b": (["x"], ["y"])}, "stages form a cycle: a -> b -> a"),
        (
            {"z": (["c"], []), "a": (["c"], ["x"]), "b": (["x"], ["y"]), "c": (["y"], ["c"])},
            "c -> b -> a -> c",
        ),
    ],
)
def test_stages_that_contradict_each_other_are_named(stages: Wanted, told: str) -> None:
    with pytest.raises(PipelineError) as caught:
        graph(stages)
    assert told in caught.value.what


def test_a_long_chain_is_sorted() -> None:
    chain: Wanted = {f"s{n}": ([f"f{n - 1}"] if n else [], [f"f{n}"]) for n in reversed(range(3000))}
    assert order(graph(chain)) == [f"s{n}" for n in range(3000)]


def test_patterns_are_told_from_paths() -> None:
    assert [is_pattern(one) for one in ("a/b", "a*", "?", "[x]", "a]b")] == [False, True, True, True, False]
