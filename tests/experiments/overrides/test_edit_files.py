"""Overrides applied to files of parameters: the requested keys change, and no other byte."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import params_values

from dver.core.errors import DverError, PipelineError, UsageError
from dver.experiments.overrides.changes import same_values
from dver.experiments.overrides.edit_files import apply_overrides, edited_contents, write_overrides
from dver.experiments.overrides.override import Override, OverrideAction
from dver.experiments.overrides.parse import parse_overrides
from dver.pipelines.definition.param_files import parse_values


def edited(text: str, *overrides: str, name: str = "params.yaml") -> str:
    return apply_overrides(text.encode(), name, parse_overrides(overrides, default_file=name)).decode()


YAML = """\
# the model
lr: 0.1  # per step
train:
    epochs: 10
    # layers from the input
    layers:
    - units: 32
      act: relu
    - {units: 64, act: 'tanh'}
    name: "base"   # shown
    day: 2026-01-31
empty:
a.b: 1
text: |
  two
  lines

tags: [a, b]   # two
"""


@pytest.mark.parametrize(
    ("override", "old", "new"),
    [
        ("lr=0.01", "lr: 0.1  #", "lr: 0.01  #"),
        ("lr=1e-05", "lr: 0.1  #", "lr: 1.0e-05  #"),
        ("lr=.nan", "lr: 0.1  #", "lr: .nan  #"),
        ("lr=-.inf", "lr: 0.1  #", "lr: -.inf  #"),
        ("lr=null", "lr: 0.1  #", "lr: null  #"),
        ("lr='1'", "lr: 0.1  #", 'lr: "1"  #'),
        ("lr=yes", "lr: 0.1  #", 'lr: "yes"  #'),
        ("lr={a: [1]}", "lr: 0.1  #", "lr: {a: [1]}  #"),
        (f"train.epochs={'9' * 50}", "epochs: 10\n", f"epochs: {'9' * 50}\n"),
        ("train.layers.0.units=8", "- units: 32\n", "- units: 8\n"),
        ("train.layers.1.act=größe", "act: 'tanh'}", "act: 'größe'}"),
        ("train.layers.-1.units=8", "{units: 64,", "{units: 8,"),
        ("train.name=other", '"base"   # shown', '"other"   # shown'),
        ("train.day=2026-11-29", "day: 2026-01-31\n", "day: 2026-11-29\n"),
        ("train.day=soon", "day: 2026-01-31\n", "day: soon\n"),
        ("empty=1", "empty:\n", "empty: 1\n"),
        ("a.b=2", "a.b: 1\n", "a.b: 2\n"),
        ('"a.b"=2', "a.b: 1\n", "a.b: 2\n"),
        ("text=one", "text: |\n  two\n  lines\n", "text: one\n"),
        ("tags=[c]", "tags: [a, b]   #", "tags: [c]   #"),
        ("tags.1=c", "tags: [a, b]   #", "tags: [a, c]   #"),
        (
            "train.layers=[]",
            "    layers:\n    - units: 32\n      act: relu\n    - {units: 64, act: 'tanh'}\n",
            "    layers: []\n",
        ),
        ("train.layers.0=x", "- units: 32\n      act: relu\n", "- x\n"),
        ("+new=1", "tags: [a, b]   # two\n", "tags: [a, b]   # two\nnew: 1\n"),
        ("+train.new=[1]", "    day: 2026-01-31\n", "    day: 2026-01-31\n    new: [1]\n"),
        ("+train.opt.name=adam", "    day: 2026-01-31\n", "    day: 2026-01-31\n    opt: {name: adam}\n"),
        ("++train.layers.2=x", "act: 'tanh'}\n", "act: 'tanh'}\n    - x\n"),
        ("+train.layers.1.drop=0.5", "act: 'tanh'}", "act: 'tanh', drop: 0.5}"),
        ("+train.layers.0.drop=0.5", "      act: relu\n", "      act: relu\n      drop: 0.5\n"),
        ("+tags.2=c", "[a, b]", "[a, b, c]"),
        ("++lr=3", "lr: 0.1  #", "lr: 3  #"),
        ('+"x.y".z=1', "tags: [a, b]   # two\n", "tags: [a, b]   # two\nx.y: {z: 1}\n"),
        ("~lr", "lr: 0.1  # per step\n", ""),
        ("~lr=0.1", "lr: 0.1  # per step\n", ""),
        ("~train.epochs", "    epochs: 10\n", ""),
        ("~train.layers.0.units", "- units: 32\n      act: relu\n", "- act: relu\n"),
        ("~train.layers.1.act", "{units: 64, act: 'tanh'}", "{units: 64}"),
        ("~train.layers.0", "    - units: 32\n      act: relu\n", ""),
        ("~tags.0", "[a, b]", "[b]"),
        ("~tags.1", "[a, b]", "[a]"),
        ("~text", "text: |\n  two\n  lines\n", ""),
    ],
)
def test_yaml_keeps_comments_and_layout(override: str, old: str, new: str) -> None:
    assert YAML.count(old) == 1
    assert edited(YAML, override) == YAML.replace(old, new)
    crlf = YAML.replace("\n", "\r\n")
    assert edited(crlf, override) == crlf.replace(old.replace("\n", "\r\n"), new.replace("\n", "\r\n"))


@pytest.mark.parametrize(
    ("before", "override", "after"),
    [
        ("", "+a=1", "a: 1\n"),
        ("# none\n", "+a.b=1", "# none\na: {b: 1}\n"),
        ("{}\n", "+a=1", "{a: 1}\n"),
        ("a: 1", "+b=2", "a: 1\nb: 2\n"),
        ("a: 1\n", "~a", ""),
        ("a:\n  b: 1\nc: 2\n", "~a.b", "a: {}\nc: 2\n"),
        ("a:\n- 1\nc: 2\n", "~a.0", "a: []\nc: 2\n"),
        ("\ufeffa: 1\n", "a=2", "\ufeffa: 2\n"),
        ("{a: 1,\n b: 2}\n", "b=3", "{a: 1,\n b: 3}\n"),
        ("{a, b: 2}\n", "a=3", "{a: 3, b: 2}\n"),
        ("a:\n  'long text\n  in lines'\nb: 1\n", "a=x", "a: 'x'\nb: 1\n"),
        ("a: &x 1\nb: 2\n", "a=3", "a: &x 3\nb: 2\n"),
        ("a: &x 1\nb: *x\n", "b=3", "a: &x 1\nb: 3\n"),
        ("a: &x {c: 1}\nb: *x\n", "b.c=3", "a: &x {c: 1}\nb: {c: 3}\n"),
        ("a: &x\n  c: 1\nb:\n  <<: *x\n", "b.c=3", "a: &x\n  c: 1\nb:\n  <<: *x\n  c: 3\n"),
        ("a: &x {c: 1}\nb: {<<: *x, d: 2}\n", "b.c=3", "a: &x {c: 1}\nb: {<<: *x, d: 2, c: 3}\n"),
        ("a: &x\n  c: 1\nb:\n  <<: *x\n", "+b.d=3", "a: &x\n  c: 1\nb:\n  <<: *x\n  d: 3\n"),
        ("1: a\n", "1=b", "1: b\n"),
        ("a: !!str 1\n", "a=b", "a: b\n"),
    ],
)
def test_unusual_yaml_is_edited(before: str, override: str, after: str) -> None:
    assert edited(before, override) == after


@pytest.mark.parametrize(
    ("text", "override", "why"),
    [
        ("a: &x 1\nb: *x\n", "a=2", "other values share this one by an alias.*: b"),
        ("a: &x 1\nb: *x\n", "~a", "other values of the file refer to this one"),
        ("a: &x {c: 1}\nb: *x\n", "a.c=2", "other values share this one by an alias.*: b.c"),
        ("a: &x\n  c: 1\nb:\n  <<: *x\n", "~b.c", "'c' comes from a merge key"),
    ],
)
def test_yaml_that_cannot_be_edited_is_refused(text: str, override: str, why: str) -> None:
    with pytest.raises(DverError) as caught:
        edited(text, override)
    assert re.search(why, str(caught.value.why) + caught.value.what)


def test_a_shared_value_can_be_changed_with_those_that_share_it() -> None:
    text = "base: &x\n  lr: 1\ntrain:\n  <<: *x\n  epochs: 2\n"
    with pytest.raises(PipelineError, match="cannot be changed safely") as caught:
        edited(text, "base.lr=3")
    assert caught.value.fix == "set them, too: -S train.lr=3"
    assert parse_values(edited(text, "base.lr=3", "train.lr=3").encode(), "p.yaml") == {
        "base": {"lr": 3},
        "train": {"lr": 3, "epochs": 2},
    }


JSON = """\
{
\t"lr": 0.1,
\t"train": {"epochs": 10, "layers": [32, 64]},
\t"empty": {},
\t"text": "a \\"b\\" \\ud83d\\ude00"
}
"""


@pytest.mark.parametrize(
    ("override", "old", "new"),
    [
        ("lr=0.01", '"lr": 0.1', '"lr": 0.01'),
        ("lr=.nan", '"lr": 0.1', '"lr": NaN'),
        ("lr=.inf", '"lr": 0.1', '"lr": Infinity'),
        ("lr=größe", '"lr": 0.1', '"lr": "größe"'),
        ("train.layers.1=8", "64", "8"),
        ("text=x", '"a \\"b\\" \\ud83d\\ude00"', '"x"'),
        ("+new={a: null}", '\\ude00"\n', '\\ude00",\n\t"new": {"a": null}\n'),
        ("+empty.a=1", "{}", '{"a": 1}'),
        ("+train.new=1", "[32, 64]}", '[32, 64], "new": 1}'),
        ("+train.layers.2=1", "[32, 64]", "[32, 64, 1]"),
        ("~lr", '"lr": 0.1,\n\t', ""),
        ("~text", ',\n\t"text": "a \\"b\\" \\ud83d\\ude00"', ""),
        ("~train.layers.0", "[32, 64]", "[64]"),
    ],
)
def test_json_keeps_its_layout(override: str, old: str, new: str) -> None:
    assert JSON.count(old) == 1
    assert edited(JSON, override, name="params.json") == JSON.replace(old, new)


def test_the_last_of_duplicate_keys_in_json_counts() -> None:
    assert edited('{"a": 1, "a": 2}', "a=3", name="p.json") == '{"a": 1, "a": 3}'
    with pytest.raises(PipelineError, match="cannot be changed safely"):
        edited('{"a": 1, "a": 2}', "~a", name="p.json")


def test_duplicate_keys_in_yaml_are_an_error_with_their_lines() -> None:
    with pytest.raises(PipelineError, match="duplicate key 'a'"):
        edited("a: 1\na: 2\n", "a=3")


TOML = """\
# the model
lr = 0.1  # per step
day = 2026-01-31
[train]
epochs = 10
layers = [32, 64]  # two
[train.opt]
name = 'adam'
"""


@pytest.mark.parametrize(
    ("override", "old", "new"),
    [
        ("lr=0.01", "lr = 0.1  #", "lr = 0.01  #"),
        ("lr=.nan", "lr = 0.1  #", "lr = nan  #"),
        ("day=2026-11-29", "2026-01-31", "2026-11-29"),
        ("day=soon", "2026-01-31", '"soon"'),
        ("train.layers.0=8", "[32, 64]", "[8, 64]"),
        ("train.opt.name=sgd", "'adam'", '"sgd"'),
        ("+train.new=true", "64]  # two\n", "64]  # two\nnew = true\n\n"),
        ("+new=1", "day = 2026-01-31\n", "day = 2026-01-31\nnew = 1\n\n"),
        ("~lr", "lr = 0.1  # per step\n", ""),
    ],
)
def test_toml_keeps_comments(override: str, old: str, new: str) -> None:
    assert TOML.count(old) == 1
    assert edited(TOML, override, name="params.toml") == TOML.replace(old, new)
    crlf = TOML.replace("\n", "\r\n")
    found = edited(crlf, override, name="params.toml")
    assert found.replace("\r\n", "\n") == TOML.replace(old, new)


def test_toml_has_no_null() -> None:
    with pytest.raises(UsageError, match="cannot have null"):
        edited(TOML, "lr=[1, null]", name="params.toml")


PYTHON = """\
# -*- coding: utf-8 -*-
LR = 0.1  # größe
SHAPE = (1, 2)
NEG = -1
computed = max(1, 2)


class Train:
    epochs: int = 10
    opt = {"name": "adam", 'layers': [32, 64]}

    def __init__(self):
        self.depth = 3
"""


@pytest.mark.parametrize(
    ("override", "old", "new"),
    [
        ("LR=0.01", "LR = 0.1", "LR = 0.01"),
        ("LR=null", "LR = 0.1", "LR = None"),
        ("LR=-.inf", "LR = 0.1", "LR = -1e999"),
        ("LR=größe", "LR = 0.1", "LR = 'größe'"),
        ("SHAPE=[3]", "SHAPE = (1, 2)", "SHAPE = (3,)"),
        ("SHAPE.1=5", "SHAPE = (1, 2)", "SHAPE = (1, 5)"),
        ("NEG=2", "NEG = -1", "NEG = 2"),
        ("Train.epochs=3", "epochs: int = 10", "epochs: int = 3"),
        ("Train.opt.name=sgd", '"adam"', "'sgd'"),
        ("Train.opt.layers.1=8", "[32, 64]", "[32, 8]"),
        ("Train.depth=4", "self.depth = 3", "self.depth = 4"),
        ("+Train.opt.new=[1]", "[32, 64]}", "[32, 64], 'new': [1]}"),
        ("+new=1", "self.depth = 3\n", "self.depth = 3\nnew = 1\n"),
        ("++Train.epochs=1", "epochs: int = 10", "epochs: int = 1"),
        ("+Train.new=1", "self.depth = 3\n", "self.depth = 3\n    new = 1\n"),
    ],
)
def test_python_files_keep_everything_else(override: str, old: str, new: str) -> None:
    assert PYTHON.count(old) == 1
    assert edited(PYTHON, override, name="params.py") == PYTHON.replace(old, new)
    crlf = PYTHON.replace("\n", "\r\n")
    assert edited(crlf, override, name="params.py") == PYTHON.replace(old, new).replace("\n", "\r\n")


def test_a_class_that_is_indented_with_tabs_gets_another_line() -> None:
    assert edited("class A:\n\tx = 1", "+A.y=2", name="p.py") == "class A:\n\tx = 1\n\ty = 2\n"


@pytest.mark.parametrize(
    ("text", "override"),
    [
        (PYTHON, "~LR"),
        (PYTHON, "LR=.nan"),
        (PYTHON, "computed=3"),
        ("class A: x = 1\n", "+A.y=3"),
        ("# coding: latin-1\nA = 1\n", "A=2"),
        ("A = B = 1\n", "A=2"),
    ],
)
def test_python_that_cannot_be_edited_is_refused(text: str, override: str) -> None:
    with pytest.raises(DverError):
        edited(text, override, name="params.py")


def test_a_missing_key_is_an_error_with_similar_keys_and_the_override_that_adds_it() -> None:
    with pytest.raises(UsageError, match=r"params.yaml has no key 'train.epoch'") as caught:
        edited(YAML, "train.epoch=3")
    assert caught.value.why == "similar keys: train.epochs, train.name, train.layers"
    assert caught.value.fix == "-S +train.epoch=3 adds it"
    assert "epoch: 3\n" in edited(YAML, "+train.epoch=3")


def test_an_existing_key_cannot_be_added() -> None:
    with pytest.raises(UsageError, match="already has the key 'lr'") as caught:
        edited(YAML, "+lr=3")
    assert caught.value.fix == "-S lr=3"


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("~gone", "has no key 'gone'"),
        ("~lr=3", "is 0.1, not 3"),
        ("+lr.x=3", "cannot get it"),
        ("+tags.5=3", "has no key 'tags.5'"),
        ("tags.2=3", "has no key 'tags.2'"),
        ("+new..x=3", "invalid key"),
        ("tags.x=3", "has no key 'tags.x'"),
    ],
)
def test_an_override_that_does_not_fit_the_values_is_refused(override: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        edited(YAML, override)


def test_one_and_true_are_different_values() -> None:
    assert edited("a: 1\n", "a=true") == "a: true\n"
    assert edited("a: 1\n", "a=1.0") == "a: 1.0\n"
    assert edited("a: 0x1  # hex\n", "a=1") == "a: 0x1  # hex\n"


# Files of a project


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("lr: 1\n")
    (tmp_path / "b.json").write_text('{"x": 1}')
    changed = write_overrides(tmp_path, parse_overrides(["lr=2", "b.json:x=3", "c.toml:+y=4"]))
    assert [path.name for path in changed] == ["params.yaml", "b.json", "c.toml"]
    assert (tmp_path / "params.yaml").read_text() == "lr: 2\n"
    assert (tmp_path / "b.json").read_text() == '{"x": 3}'
    assert (tmp_path / "c.toml").read_text() == "y = 4\n"
    with pytest.raises(UsageError, match="has no key 'z'"):
        write_overrides(tmp_path, parse_overrides(["lr=3", "b.json:z=4"]))
    assert (tmp_path / "params.yaml").read_text() == "lr: 2\n"


def test_a_file_with_the_same_values_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("lr: 1e-3\n")
    before = os.stat(tmp_path / "params.yaml")
    assert write_overrides(tmp_path, parse_overrides(["lr=0.001"])) == ()
    assert os.stat(tmp_path / "params.yaml") == before


def test_a_file_that_does_not_exist_gets_new_keys_only(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"params\.yaml does not exist") as caught:
        write_overrides(tmp_path, parse_overrides(["lr=1"]))
    assert caught.value.fix == "-S +lr=1 adds it"
    write_overrides(tmp_path, parse_overrides(["+lr=1"]))
    write_overrides(tmp_path, parse_overrides(["a.json:+lr=1", "a.py:+lr=1"]))
    assert (tmp_path / "params.yaml").read_text() == "lr: 1\n"
    assert (tmp_path / "a.json").read_text() == '{"lr": 1}\n'
    assert (tmp_path / "a.py").read_text() == "lr = 1\n"


def test_a_link_is_followed_inside_of_the_project_only(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "conf").mkdir(parents=True)
    (root / "conf" / "real.yaml").write_text("lr: 1\n")
    (root / "params.yaml").symlink_to("conf/real.yaml")
    (tmp_path / "outside.yaml").write_text("lr: 1\n")
    (root / "out.yaml").symlink_to("../outside.yaml")
    write_overrides(root, parse_overrides(["lr=2"]))
    assert (root / "params.yaml").is_symlink()
    assert (root / "conf" / "real.yaml").read_text() == "lr: 2\n"
    with pytest.raises(UsageError, match="leads out of the project"):
        write_overrides(root, parse_overrides(["out.yaml:lr=2"]))
    assert (tmp_path / "outside.yaml").read_text() == "lr: 1\n"


def test_a_directory_is_not_a_file_of_parameters(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    with pytest.raises(UsageError, match="is not a file of parameters"):
        write_overrides(tmp_path, parse_overrides(["conf:lr=2"]))


def test_contents_come_from_anywhere() -> None:
    files = {"params.yaml": b"lr: 1\n", "b.yaml": b"x: 1\n"}
    assert edited_contents(files.get, parse_overrides(["lr=2", "b.yaml:x=1"])) == {"params.yaml": b"lr: 2\n"}


# Any file


class _Dumper(yaml.SafeDumper):
    """Writes text in quotes: two versions of YAML differ about plain scalars."""


_Dumper.add_representer(str, lambda dumper, one: dumper.represent_scalar("tag:yaml.org,2002:str", one, style='"'))
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign, assignment]

names = st.text("abc xyz.é-_", min_size=1, max_size=5)
leaves = st.none() | st.booleans() | st.integers() | st.text("ab 1:#'\"\\é,", max_size=6)
trees = st.recursive(
    leaves, lambda one: st.lists(one, max_size=3) | st.dictionaries(names, one, max_size=3), max_leaves=8
)
STYLES = ["block", "flow", "mixed", "json", "compact json", "toml"]


def _dumped(values: dict[str, Any], style: str) -> tuple[str, str]:
    """The text and the name of a file with `values`."""
    if style == "toml":
        return tomlkit.dumps(values), "p.toml"
    if "json" in style:
        return json.dumps(values, indent=2 if style == "json" else None), "p.json"
    flow = {"block": False, "flow": True, "mixed": None}[style]
    return yaml.dump(values, default_flow_style=flow, allow_unicode=True, Dumper=_Dumper, sort_keys=False), "p.yaml"


def _without_null(value: Any) -> Any:
    """`value` as TOML can have it."""
    if isinstance(value, dict):
        return {key: _without_null(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_null(one) for one in value if one is not None]
    return 0 if value is None else value


def _paths(value: Any) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = []
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += [(key,), *((key, *rest) for rest in _paths(one))]
    return found


def _key(path: tuple[str | int, ...]) -> str:
    return ".".join(json.dumps(part, ensure_ascii=False) if isinstance(part, str) else str(part) for part in path)


def _edited(values: dict[str, Any], style: str, override: Override) -> Any:
    """The values of a file with `values` after `override`."""
    text, name = _dumped(values, style)
    assume(same_values(parse_values(text.encode(), name), values))
    try:
        return parse_values(apply_overrides(text.encode(), name, [replace(override, file=name)]), name)
    except PipelineError:
        assume(style != "toml")  # tomlkit cannot edit every layout, and is not trusted
        raise


@settings(max_examples=40)
@given(st.data(), st.dictionaries(names, trees, min_size=1, max_size=4), st.sampled_from(STYLES))
def test_any_key_of_any_file_can_be_set_and_deleted(data: st.DataObject, values: dict[str, Any], style: str) -> None:
    values = _without_null(values) if style == "toml" else values
    assume(values)
    path = data.draw(st.sampled_from(_paths(values)))
    expected = json.loads(json.dumps(values))
    inner: Any = expected
    for part in path[:-1]:
        inner = inner[part]
    if data.draw(st.booleans()):
        new = data.draw(params_values)
        inner[path[-1]] = _without_null(new) if style == "toml" else new
        override = Override("", _key(path), inner[path[-1]])
    else:
        del inner[path[-1]]
        override = Override("", _key(path), action=OverrideAction.DELETE)
    assert same_values(_edited(values, style, override), expected)


@settings(max_examples=40)
@given(st.data(), st.dictionaries(names, trees, max_size=4), st.sampled_from(STYLES))
def test_a_new_key_can_be_added_to_any_file(data: st.DataObject, values: dict[str, Any], style: str) -> None:
    new = data.draw(params_values)
    values, new = _without_null([values, {"new": new}]) if style == "toml" else (values, {"new": new})
    assume(new)
    found = _edited(values, style, Override("", "new", new["new"], OverrideAction.ADD))
    assert same_values(found, {**values, **new})
