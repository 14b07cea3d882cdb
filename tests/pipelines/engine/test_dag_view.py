"""Diagrams of stages and of outputs."""

from __future__ import annotations

from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.engine.dag_view import output_diagram, stage_diagram
from dver.pipelines.engine.graph import Address, Graph, build_graph


def graph(text: str) -> Graph:
    file = load_pipeline_file(text.encode(), lambda _path: None)
    return build_graph({Address("", name): one for name, one in file.stages.items()})


STAGES = """\
stages:
  prepare: {cmd: x, outs: [clean, split]}
  train:
    foreach: [a, b]
    do: {cmd: x, deps: [clean], outs: ["model/${item}"]}
  report: {cmd: x, deps: [model, split/part], outs: [page]}
"""


def test_the_stages_of_a_foreach_are_one_node_unless_all_are_wanted() -> None:
    found = graph(STAGES)
    assert stage_diagram(found, found.order).labels == ("prepare", "train@… (2)", "report")
    assert stage_diagram(found, found.order, collapsed=False).labels == ("prepare", "train@a", "train@b", "report")
    assert stage_diagram(found, found.order[:2]).labels == ("prepare", "train@… (1)")


def test_outputs_are_linked_to_the_outputs_that_they_depend_on() -> None:
    found = graph(STAGES)
    outs = output_diagram(found, found.order)
    links = {(outs.labels[start], outs.labels[end]) for start, end in outs.edges}
    made = {("clean", "model/a"), ("clean", "model/b"), ("split", "page"), ("model/a", "page"), ("model/b", "page")}
    assert links == made


def test_a_foreach_that_would_cause_a_cycle_is_not_collapsed() -> None:
    text = """\
stages:
  a:
    foreach: [1, 2]
    do: {cmd: x, deps: ["in${item}"], outs: ["out${item}"]}
  between: {cmd: x, deps: [out1], outs: [in2]}
"""
    found = graph(text)
    assert stage_diagram(found, found.order).labels == ("a@1", "between", "a@2")
