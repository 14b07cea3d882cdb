from __future__ import annotations

import math

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.yaml_tree import Mark, Node, parse_yaml


def plain(text: str) -> object:
    return parse_yaml(text.encode(), "dver.yaml").plain()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1", 1),
        ("-17", -17),
        ("1_000", 1000),
        ("012", 12),
        ("0x1f", 31),
        ("0o17", 15),
        ("0b101", 5),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("-.inf", -math.inf),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"),
        ('"1"', "1"),
        ("'true'", "true"),
        ("!!str 5", "5"),
        ("!!int 5", 5),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(written: str, meant: object) -> None:
    found = plain(f"a: {written}\n")
    assert found == {"a": meant}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(meant)


def test_not_a_number_is_read() -> None:
    found = parse_yaml(b"a: .nan", "dver.yaml").value
    assert isinstance(found, dict)
    assert math.isnan(found["a"].value)


def test_every_value_and_key_knows_its_place() -> None:
    root = parse_yaml(b"stages:\n  one:\n    deps:\n    - a\n    -  b\n", "sub/dver.yaml")
    stage = _at(root, "stages", "one")
    assert stage.keys["deps"] == Mark("sub/dver.yaml", 3, 5)
    deps = _at(stage, "deps").value
    assert isinstance(deps, tuple)
    assert [str(one.mark) for one in deps] == ["sub/dver.yaml:4:7", "sub/dver.yaml:5:8"]


def _at(node: Node, *keys: str) -> Node:
    for key in keys:
        assert isinstance(node.value, dict)
        node = node.value[key]
    return node


def test_aliases_and_merge_keys_work() -> None:
    text = "base: &base {a: 1, b: 2}\nmore: &more {c: 3}\nuse:\n  <<: [*base, *more]\n  b: 5\nagain: *base\n"
    found = plain(text)
    assert isinstance(found, dict)
    assert found["use"] == {"a": 1, "b": 5, "c": 3}
    assert found["again"] == {"a": 1, "b": 2}


def test_quoted_merge_keys_are_keys() -> None:
    assert plain('"<<": 1\n') == {"<<": 1}


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert plain("") == {}
    assert plain("# nothing\n") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\na: 2\n", "dver.yaml:2:1: duplicate key 'a' (first in line 1)"),
        ("a: &x [*x]\n", "dver.yaml:1:8: undefined alias `*x`"),
        ("a: [1,\nb: 2\n", "dver.yaml:3:1: while parsing a flow sequence"),
        ("\ta: 1\n", "dver.yaml:1:1: YAML is indented with spaces, not with tabs"),
        ("a:\r\n  b:\r\n \tc: 1\r\n", "dver.yaml:3:2: YAML is indented with spaces"),
        ("b: @\n", "dver.yaml:1:4: while scanning for the next token"),
        ("a: !thing 1\n", "dver.yaml:1:4: tag '!thing' is not supported"),
        ("a: !!python/object:os.system [ls]\n", "dver.yaml:1:4: tag"),
        ("a: !!int x\n", "dver.yaml:1:4: tag"),
        ("a: 1\n---\nb: 1\n", "dver.yaml:2:1: expected one YAML document per file"),
        ("? [a]\n: 1\n", "dver.yaml:1:3: expected text as a key"),
        ("a:\n  <<: 1\n", "dver.yaml:2:7: `<<` needs a mapping"),
        ("a: " + "9" * 5000, "numbers can have at most 400 digits"),
        ("[" * 102 + "]" * 102, "nested too deeply"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(PipelineError) as caught:
        plain(text)
    assert told in caught.value.what


def test_conflict_markers_are_named_and_not_what_yaml_makes_of_them() -> None:
    with pytest.raises(PipelineError, match=r"params\.yaml:2:3: the file has merge conflict markers") as caught:
        parse_yaml(b"<<<<<<< HEAD\nlr: 0.1\n=======\nlr: 0.2\n>>>>>>> theirs\nsteps: 1\n", "params.yaml")
    assert caught.value.fix == "keep the lines of one side, then `git add` the file"


@pytest.mark.parametrize("written", ["outs: [g${item}]", "outs: [{g${item}: {cache: false}}]", "a: [x, ${y}z]"])
def test_variables_in_brackets_need_quotes(written: str) -> None:
    with pytest.raises(PipelineError) as caught:
        plain(written)
    assert caught.value.fix == "within […] and {…}, put text with ${…} in quotes"


def test_quoted_variables_in_brackets_are_text() -> None:
    assert plain('outs: ["g${item}"]') == {"outs": ["g${item}"]}


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"a: \x00", b"[" * 100_000, b"a: 1\n" * 4_000_000])
def test_what_is_no_yaml_or_too_large_is_one_error(content: bytes) -> None:
    with pytest.raises(PipelineError):
        parse_yaml(content, "dver.yaml")


def test_a_bomb_of_aliases_is_refused_before_it_costs_anything() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(PipelineError, match="too many values"):
        plain("\n".join(lines))


def test_merge_keys_cannot_be_a_bomb_either() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(2000)) + "}"]
    lines += [f"b{n}: {{<<: *a0}}" for n in range(2000)]
    with pytest.raises(PipelineError, match="too many values"):
        plain("\n".join(lines))
