"""Graphs drawn as text."""

from __future__ import annotations

import random

import pytest

from dver.cli.render.pipelines.dag_drawing import ascii_only, boxes, tree
from dver.pipelines.engine.dag_view import Diagram

_UP, _DOWN = "│┤├┼┴└┘", "│┤├┼┬┌┐"
"""What has a line upwards, or downwards."""


def diagram(text: str) -> Diagram:
    """`a>b b>c`: what leads to what."""
    labels: dict[str, None] = {}
    edges = {}
    for one in text.split():
        start, _, end = one.partition(">")
        labels |= dict.fromkeys([start, end] if end else [start])
        if end:
            edges[start, end] = None
    names = list(labels)
    return Diagram(tuple(names), tuple((names.index(start), names.index(end)) for start, end in edges))


def drawn(text: str, width: int = 80) -> str:
    found = boxes(diagram(text), width)
    assert found is not None
    return "\n".join(found)


def test_a_chain_is_drawn_from_top_to_bottom() -> None:
    assert (
        drawn("prepare>train")
        == """\
┌─────────┐
│ prepare │
└────┬────┘
     │
 ┌───┴───┐
 │ train │
 └───────┘"""
    )


def test_lines_come_together_and_pass_others_by() -> None:
    assert (
        drawn("a>b a>c b>d c>d a>d")
        == """\
      ┌───┐
      │ a │
      └─┬─┘
  ┌─────┴┬────┐
┌─┴─┐  ┌─┴─┐  │
│ b │  │ c │  │
└─┬─┘  └─┬─┘  │
  └─────┬┘    │
        ├─────┘
      ┌─┴─┐
      │ d │
      └───┘"""
    )


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawn("") == ""
    assert list(tree(diagram(""), 80)) == []
    assert diagram("").mermaid().split("\n") == ["flowchart TD"]


@pytest.mark.parametrize("seed", range(30))
def test_a_drawing_of_any_graph_fits_and_has_every_box_once(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randrange(2, 15)
    names = [f"stage{number}" for number in range(count)]
    edges = {(chance.randrange(number), number): None for number in range(1, count) for _ in range(chance.randrange(3))}
    one = Diagram(tuple(names), tuple(edges))
    lines = boxes(one, 100)
    if lines is None:
        return
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 100
    for name in names:
        assert text.count(f"│ {name} ") == 1
    assert text.count("┌─") >= count
    row_of = {name: next(row for row, line in enumerate(lines) if f"│ {name} " in line) for name in names}
    assert all(row_of[names[start]] < row_of[names[end]] for start, end in edges)
    for row, line in enumerate(lines):
        for column, char in enumerate(line):
            if char in "┬┐┌├┤┼":  # what leads down meets something that leads up, and the other way round
                assert lines[row + 1][column] in _UP, (row, column, text)
            if char in "┴└┘├┤┼":
                assert lines[row - 1][column] in _DOWN, (row, column, text)


def test_what_is_too_wide_is_no_drawing_but_a_tree() -> None:
    wide = diagram(" ".join(f"a>b{number} b{number}>c" for number in range(9)))
    assert boxes(wide, 60) is None
    lines = list(tree(wide, 60))
    assert lines[:3] == ["a", "├─ b0", "│  └─ c"]
    assert lines[-2:] == ["└─ b8", "   └─ c"]


def test_a_tree_tells_what_is_in_a_row_in_one_line_and_names_again_what_it_has_shown() -> None:
    lines = list(tree(diagram("a>b b>c c>d x>c d>e d>f"), 80))
    assert lines == ["a → b", "└─ c → d", "   ├─ e", "   └─ f", "x", "└─ c (see above)"]
    long = diagram(" ".join(f"s{number}>s{number + 1}" for number in range(2000)))
    assert max(map(len, tree(long, 80))) <= 80
    assert sum(line.count("s") for line in tree(long, 80)) == 2001


def test_a_chain_of_a_thousand_is_drawn() -> None:
    assert drawn(" ".join(f"s{number}>s{number + 1}" for number in range(1000))).count("┌") == 1001


def test_wide_characters_are_measured() -> None:
    found = boxes(Diagram(("訓練", "b"), ((0, 1),)), 80, lambda text: sum(2 if char > "\u1000" else 1 for char in text))
    assert found is not None
    assert found[:3] == ["┌───────┐", "│ 訓練  │", "└───┬───┘"]


def test_ascii_will_do() -> None:
    assert all(line.isascii() for line in map(ascii_only, drawn("a>b a>c b>d c>d a>d").splitlines()))
    assert all(line.isascii() for line in map(ascii_only, tree(diagram("a>b b>c b>d"), 80)))


def test_text_for_others_is_quoted() -> None:
    assert diagram('a"<&>b').mermaid().split("\n") == [
        "flowchart TD",
        '\tnode1["a&quot;<&amp;"]',
        '\tnode2["b"]',
        "\tnode1-->node2",
    ]
    assert diagram('a">b').dot().split("\n") == ["strict digraph {", '"a\\"";', '"b";', '"a\\"" -> "b";', "}"]
