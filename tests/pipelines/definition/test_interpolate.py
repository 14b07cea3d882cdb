from __future__ import annotations

from typing import Any

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.interpolate import (
    MAX_TEXT,
    OptionStyle,
    as_node,
    has_expression,
    substitute,
    variable_value,
)
from dver.pipelines.definition.yaml_tree import Mark, Node

AT = Mark("dver.yaml", 3, 5)
KNOWN: dict[str, Any] = {
    "lr": 0.1,
    "deep": True,
    "nothing": None,
    "name": "two words",
    "model": {"layers": [64, 32], "opt": {"kind": "adam"}},
}


def text_of(text: str, variables: dict[str, Any] = KNOWN, *, command: OptionStyle | None = None) -> Any:
    return substitute(Node(text, AT), variables, command=command).plain()


def error_of(text: str, variables: dict[str, Any] = KNOWN, *, command: OptionStyle | None = None) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        text_of(text, variables, command=command)
    assert caught.value.what.startswith("dver.yaml:3:5: ")
    return caught.value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("lr", 0.1),
        (" lr ", 0.1),
        ("model.layers[0]", 64),
        ("model.layers[-1]", 32),
        ("model.opt.kind", "adam"),
        ("model[opt].kind", "adam"),
        ("model.layers", [64, 32]),
    ],
)
def test_an_expression_selects_keys_and_elements(expression: str, value: object) -> None:
    assert variable_value(expression, KNOWN, AT) == value


@pytest.mark.parametrize("expression", ["", "a b.", ".a", "a..b", "a[", "a[]", "a]", "${a", "a{b"])
def test_a_malformed_expression_is_no_variable(expression: str) -> None:
    with pytest.raises(PipelineError) as caught:
        variable_value(expression, {"a": {"b": 1}}, AT)
    assert "is not a variable" in caught.value.what
    assert caught.value.fix == "use a name such as ${model.layers[0]}"


@pytest.mark.parametrize("expression", ["model.layers[2]", "model.layers[-3]", "model.layers[x]", "model.layers.1e0"])
def test_an_element_outside_of_a_list_is_an_error(expression: str) -> None:
    assert "not found in a list" in error_of(f"${{{expression}}}").what


def test_a_key_of_a_scalar_is_an_error() -> None:
    assert error_of("${lr.x}").what.endswith("${lr.x}: 'x' not found in a number")
    assert error_of("${name.x}").what.endswith("'x' not found in text")


def test_an_unknown_variable_suggests_a_similar_one_or_where_to_define_it() -> None:
    assert error_of("${modle.layers}").fix == "did you mean 'model'?"
    assert error_of("${zzz}").fix == "define it in `vars` or params.yaml"


@pytest.mark.parametrize("name", ["lr", "deep", "nothing"])
def test_a_text_of_one_expression_keeps_the_type(name: str) -> None:
    assert text_of(f"${{{name}}}") is KNOWN[name]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("--lr ${lr} --deep ${deep}", "--lr 0.1 --deep true"),
        ("${lr}${lr}", "0.10.1"),
        (r"\${lr} costs ${lr}", "${lr} costs 0.1"),
        (r"\${lr}", "${lr}"),
        ("$lr {lr} $", "$lr {lr} $"),
        ("${", "${"),
        ("", ""),
    ],
)
def test_expressions_in_text_become_text(text: str, result: str) -> None:
    assert text_of(text) == result


def test_a_substituted_value_is_not_substituted_again() -> None:
    assert text_of("x ${a}", {"a": "${b}", "b": 1}) == "x ${b}"


@pytest.mark.parametrize(("text", "kind"), [("a ${model}", "a mapping"), ("${model.layers}", "a list")])
def test_a_list_or_mapping_cannot_be_part_of_text(text: str, kind: str) -> None:
    assert error_of(text).what.endswith(f"is {kind}, which cannot be inserted into text")


def test_a_whole_text_may_become_a_list_or_mapping_if_allowed() -> None:
    found = substitute(Node("${model}", AT), KNOWN, whole=True)
    assert (found.plain(), found.mark) == (KNOWN["model"], AT)


@pytest.mark.parametrize(
    ("style", "result"),
    [
        (OptionStyle(), "--lr 0.1 --on --xs 1 2 --opt.name 'a b' --opt.off-by 1"),
        (OptionStyle(negated=True), "--lr 0.1 --on --no-off --xs 1 2 --opt.name 'a b' --opt.off-by 1"),
        (OptionStyle(repeated=True), "--lr 0.1 --on --xs 1 --xs 2 --opt.name 'a b' --opt.off-by 1"),
    ],
)
def test_a_mapping_in_a_command_becomes_options(style: OptionStyle, result: str) -> None:
    options = {"lr": 0.1, "on": True, "off": False, "xs": [1, 2], "none": [], "opt": {"name": "a b", "off-by": 1}}
    assert text_of("run ${options}", {"options": options}, command=style) == f"run {result}"


@pytest.mark.parametrize("element", [[1], {"a": 1}])
def test_a_nested_list_cannot_become_an_option(element: object) -> None:
    error = error_of("run ${o}", {"o": {"xs": [element]}}, command=OptionStyle())
    assert "'xs' is a list of lists or mappings" in error.what


def test_a_list_in_a_command_is_an_error() -> None:
    assert "is a list" in error_of("run ${model.layers}", command=OptionStyle()).what


def test_lists_and_mappings_are_substituted_throughout() -> None:
    node = as_node({"a": ["${lr}", 2], "b": {"c": "${deep}"}}, AT)
    assert substitute(node, KNOWN).plain() == {"a": [0.1, 2], "b": {"c": True}}


def test_keys_are_substituted_and_keep_their_position() -> None:
    key = Mark("dver.yaml", 9, 1)
    found = substitute(Node({"out-${lr}": Node(1, AT)}, AT, {"out-${lr}": key}), KNOWN)
    assert found.plain() == {"out-0.1": 1}
    assert found.keys == {"out-0.1": key}


def test_two_keys_that_become_equal_are_an_error() -> None:
    with pytest.raises(PipelineError, match=r"'\$\{a\}' becomes 'x', which already exists"):
        substitute(as_node({"x": 1, "${a}": 2}, AT), {"a": "x"})


def test_the_text_that_variables_add_is_limited() -> None:
    half = "x" * (MAX_TEXT // 2)
    assert len(text_of("${a}${a}", {"a": half})) == MAX_TEXT
    assert "characters after substitution" in error_of("${a}${a}${b}", {"a": half, "b": "x"}).what


@pytest.mark.parametrize(("value", "found"), [("a ${b}", True), (r"a \${b}", False), ("$b", False), (3, False)])
def test_only_text_with_an_unescaped_expression_has_one(value: object, found: bool) -> None:
    assert has_expression(value) is found
