from __future__ import annotations

import math

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.param_files import flatten, parse_values, select_keys


def test_each_kind_of_file_says_the_same() -> None:
    wanted = {"lr": 0.1, "train": {"layers": [64, 32], "deep": True}}
    yaml = b"lr: 0.1\ntrain:\n  layers: [64, 32]\n  deep: true\n"
    toml = b"lr = 0.1\n[train]\nlayers = [64, 32]\ndeep = true\n"
    json = b'{"lr": 0.1, "train": {"layers": [64, 32], "deep": true}}'
    python = b"lr = 0.1\nclass train:\n    layers = [64, 32]\n    def __init__(self):\n        self.deep = True\n"
    found = [
        parse_values(content, name)
        for content, name in ((yaml, "p.yaml"), (yaml, "p"), (toml, "p.toml"), (json, "p.json"), (python, "p.py"))
    ]
    assert found == [wanted] * 5


def test_of_python_only_literals_count_and_nothing_runs() -> None:
    python = b"import os\nraise SystemExit\na: int = 1\nb = os.getcwd()\nc = (1, 2)\nd = {'x': {3, 1}}\n"
    python += b"e = 2j\nf = g = 5\nh: int\n"
    assert parse_values(python, "p.py") == {"a": 1, "c": [1, 2], "d": {"x": [1, 3]}, "f": 5, "g": 5}


def test_dates_of_toml_are_text() -> None:
    assert parse_values(b"day = 2024-01-31\nat = [07:32:00]\n", "p.toml") == {"day": "2024-01-31", "at": ["07:32:00"]}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("p.json", b'{"a": 1,}', "p.json:1:"),
        ("p.json", b"[1]", "p.json: expected a mapping, not a list"),
        ("p.toml", b"a = \n", "p.toml cannot be read"),
        ("p.toml", b"\xff", "p.toml cannot be read"),
        ("p.py", b"a = (\n", "p.py:1:5"),
        ("p.py", b"\x00", "p.py"),
        ("p.yaml", b"a: [\n", "p.yaml:2:1"),
        ("p.yaml", b"- 1\n", "p.yaml: expected a mapping, not a list"),
        ("p.json", b"[" * 100_000, "p.json cannot be read"),
        ("p.py", b"(" * 100_000, "p.py"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(name: str, content: bytes, told: str) -> None:
    with pytest.raises(PipelineError) as caught:
        parse_values(content, name)
    assert told in caught.value.what


def test_values_are_found_by_dotted_keys() -> None:
    values = {"a": {"b": [{"c": 1}, 2]}, "x.y": {"z": 3}, "n": None}
    found = list(select_keys(values, ("a.b.0.c", "a.b.1", "x.y.z", "n", "a.b")))
    assert found == [("a.b.0.c", 1), ("a.b.1", 2), ("x.y.z", 3), ("n", None), ("a.b", values["a"]["b"])]
    for key in ("a.c", "a.b.2", "a.b.x", "x", "a.b.1.d", ""):
        assert not list(select_keys(values, [key]))


def test_all_values_have_a_dotted_key() -> None:
    values = {"a": {"b": [1], "c": {}}, "d": None}
    assert list(flatten(values).items()) == [("a.b", [1]), ("a.c", {}), ("d", None)]


def test_two_values_with_one_dotted_key_are_both_there() -> None:
    assert list(flatten({"a.b": 1, "a": {"b": 2, "c": 3}, "x.y": 4}).items()) == [
        ('"a.b"', 1),
        ("a.b", 2),
        ("a.c", 3),
        ("x.y", 4),
    ]
    names = [name for name, _ in flatten({"a.b": {"c": 1}, "a": {"b.c": 2, "b": {"c": 3}}, '"a': {'b".c': 4}}).items()]
    assert len(set(names)) == 4


def test_every_nan_is_the_same_one() -> None:
    for name, content in (("a.yaml", b"x: .nan"), ("a.json", b'{"x": NaN}'), ("a.toml", b"x = nan\n")):
        assert parse_values(content, name) == {"x": math.nan}
    assert parse_values(b"x = -inf\n", "a.toml") == parse_values(b"x: -.inf", "a.yaml") == {"x": -math.inf}


def test_patterns_match_keys_part_by_part() -> None:
    values = {"kwargs": {"india_a": 1, "india_b": {"c": 2}, "china": 3}, "list": [{"x": 1}, {"x": 2}]}
    assert dict(select_keys(values, ["kwargs.india*"])) == {"kwargs.india_a": 1, "kwargs.india_b": {"c": 2}}
    assert dict(select_keys(values, ["*.india_?"])) == {"kwargs.india_a": 1, "kwargs.india_b": {"c": 2}}
    assert dict(select_keys(values, ["list.[01].x"])) == {"list.0.x": 1, "list.1.x": 2}
    assert not dict(select_keys(values, ["kwargs.india*.d"]))
