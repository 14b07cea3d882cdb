"""The positions of values in the text of a YAML file, and values written as YAML."""

from __future__ import annotations

import pytest

from dver.pipelines.definition.yaml_text import YamlValue, block, flow, read_yaml_text, scalar
from dver.pipelines.definition.yaml_tree import parse_yaml

TEXT = """\
a: &x 1  # é 😀
"b c": [x, {d: y}]
e: |
  text

f:
- g
-
h: *x
"""


def value_of(key: str, text: str = TEXT) -> tuple[YamlValue, str]:
    file = read_yaml_text(text.encode(), "dver.yaml")
    assert file.root is not None
    entry = file.root.entry(key)
    assert entry is not None
    return entry.value, file.text[entry.value.start : entry.value.end]


@pytest.mark.parametrize(
    ("key", "text"), [("b c", "[x, {d: y}]"), ("e", "|\n  text"), ("f", "- g\n-"), ("h", "*x"), ("a", "&x 1")]
)
def test_a_value_is_located_by_its_characters(key: str, text: str) -> None:
    assert value_of(key)[1] == text
    assert value_of(key, TEXT.replace("\n", "\r\n"))[1] == text.replace("\n", "\r\n")


def test_a_value_knows_its_style() -> None:
    assert value_of("b c")[0].is_flow
    assert not value_of("f")[0].is_flow
    assert value_of("h")[0].is_alias


def test_kept_empty_lines_belong_to_a_text() -> None:
    assert value_of("e", "e: |+\n  x\n\n\nf: 1\n")[1] == "|+\n  x\n\n\n"


def test_lines_and_columns_count_from_zero() -> None:
    file = read_yaml_text(b"a:\r\n  b: 1", "dver.yaml")
    assert file.root is not None
    (inner,) = file.root.entries[0].value.entries
    assert (file.line(inner.key.start), file.column(inner.key), file.last_line(inner.end)) == (1, 2, 1)
    assert (file.line_ending, file.ending(0), file.ending(1)) == ("\r\n", "\r\n", "")
    assert read_yaml_text(b"", "dver.yaml").line_ending == "\n"


def test_block_and_flow_style_are_read_as_the_same_value() -> None:
    value = {"cmd": "x: y", "outs": [{"a": {"cache": False}}, "b"], "gpus": 0.5, "all": None}
    assert list(block(value, 4)) == [
        'cmd: "x: y"',
        "outs:",
        "- a:",
        "      cache: false",
        "- b",
        "gpus: 0.5",
        "all:",
    ]
    assert parse_yaml("\n".join(block(value, 4)).encode(), "x").plain() == value
    assert parse_yaml(flow(value).encode(), "x").plain() == value


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "python train.py --lr 0.1",
        "true",
        "no",
        "1",
        "1e-3",
        "012",
        "null",
        "~",
        "",
        " a ",
        "a: b",
        "a:",
        "a #b",
        "#a",
        "- a",
        "'",
        '"',
        "a 'b' \"c\"",
        "a\nb",
        "a\tb",
        "\\d",
        "\x7f\x85\u2028\ufeff\x00",
        "{a}",
        "[a",
        "a, b",
        "${item.x}",
        "*a",
        "&a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a`",
        "?",
        "? a",
        "-",
        "--- a",
        "---",
        "...",
        "<<",
        "=",
        ".inf",
        "0x1f",
        "a  b",
        "é 中 😀",
        "echo $(ls) > out && cat < in | sort",
        "a,b",
        "a]b",
        "./run.sh",
        "key?",
        "a?b",
        "2001-01-01",
        "a" * 500,
        "1" * 500,
    ],
)
def test_any_text_is_read_as_what_it_was(text: str, flow: bool) -> None:
    written = scalar(text, flow=flow)
    assert "\n" not in written
    whole = f"{{a: [{written}, {{{written}: b}}]}}" if flow else f"a: {written}\nb:\n- {written}\n- c\n"
    found = parse_yaml(whole.encode(), "x").plain()
    assert found == ({"a": [text, {text: "b"}]} if flow else {"a": text, "b": [text, "c"]})


def test_what_is_plain_stays_plain() -> None:
    for text in ("python train.py --lr 0.1 > out", "data/raw.csv", "models/${item.name}.bin"):
        assert scalar(text) == text
