"""Overrides as typed on the command line."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import params_values

from dver.core.errors import UsageError
from dver.experiments.overrides.changes import same_values
from dver.experiments.overrides.override import KeyPart, Override, OverrideAction, split_key
from dver.experiments.overrides.parse import override_texts, parse_key, parse_overrides
from dver.pipelines.definition.param_files import ABSENT

ADD, PUT, DELETE = OverrideAction.ADD, OverrideAction.PUT, OverrideAction.DELETE


def value_of(text: str) -> Any:
    return parse_overrides([f"key={text}"])[0].value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-12", -12),
        ("0x1f", 31),
        ("9" * 60, int("9" * 60)),
        ("0.1", 0.1),
        ("1e-3", 0.001),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        (".nan", math.nan),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("null", None),
        ("~", None),
        ("", None),
        ("text", "text"),
        ("two words", "two words"),
        ("it's", "it's"),
        ("größe", "größe"),
        ("a: b", "a: b"),
        ("#fff", "#fff"),
        ("*.csv", "*.csv"),
        ("a=b", "a=b"),
        ("2026-11-29", "2026-11-29"),
        ('"1"', "1"),
        ("'1'", "1"),
        ("'a,b'", "a,b"),
        ('"a\\"b,c"', 'a"b,c'),
        ("'choice(a,b)'", "choice(a,b)"),
        ("f(a,b)", "f(a,b)"),
        (":)", ":)"),
        ("[1, 2]", [1, 2]),
        ("[1, [a, 'b,c']]", [1, ["a", "b,c"]]),
        ("{a: 1, b: [2]}", {"a": 1, "b": [2]}),
        ("[]", []),
        ("{}", {}),
    ],
)
def test_values_follow_the_rules_of_yaml(text: str, value: Any) -> None:
    assert same_values(value_of(text), value)


@pytest.mark.parametrize(
    ("text", "override"),
    [
        ("lr=1", Override("params.yaml", "lr", 1)),
        ("train.lr=1", Override("params.yaml", "train.lr", 1)),
        ("layers.0.units=1", Override("params.yaml", "layers.0.units", 1)),
        ("conf/train.json:lr=1", Override("conf/train.json", "lr", 1)),
        ("./a/../train.json:lr=1", Override("train.json", "lr", 1)),
        ('"odd:=.yaml":lr=1', Override("odd:=.yaml", "lr", 1)),
        ("params.yaml:a:b=1", Override("params.yaml", "a:b", 1)),
        ('"a:b".c=1', Override("params.yaml", '"a:b".c', 1)),
        ('"a=b"=1', Override("params.yaml", '"a=b"', 1)),
        ("+new=1", Override("params.yaml", "new", 1, ADD)),
        ("train.json:+new=1", Override("train.json", "new", 1, ADD)),
        ("+train.json:new=1", Override("train.json", "new", 1, ADD)),
        ("++new=1", Override("params.yaml", "new", 1, PUT)),
        ("~gone", Override("params.yaml", "gone", ABSENT, DELETE)),
        ("~gone=1", Override("params.yaml", "gone", 1, DELETE)),
        ("~train.json:gone", Override("train.json", "gone", ABSENT, DELETE)),
    ],
)
def test_an_override_has_a_file_a_key_an_action_and_a_value(text: str, override: Override) -> None:
    assert parse_overrides([text]) == (override,)


@pytest.mark.parametrize("text", ["", "=", "=1", "lr", "+lr", "++x", "a.yaml:=1", "+a.yaml:+b=1", "lr=\udcff", 'a"b=1'])
def test_a_malformed_override_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an override"):
        parse_overrides([text])


@pytest.mark.parametrize(
    "text", ["lr=[1", "lr={a", "lr='a", 'lr="\\ud800"', "lr=[a]b", f"lr={'9' * 500}", "lr=1,", "lr=,"]
)
def test_an_invalid_value_is_refused_with_its_override(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_overrides([text])
    assert repr(text) in caught.value.what
    assert caught.value.why


@pytest.mark.parametrize("file", ["../x.yaml", "/etc/x.yaml", "a/../../x.yaml", ".git/x.yaml", "."])
def test_a_file_outside_of_the_project_is_refused(file: str) -> None:
    with pytest.raises(UsageError, match="is not a file of"):
        parse_overrides([f"{file}:lr=1"])


def test_a_single_override_has_one_value() -> None:
    with pytest.raises(UsageError, match="has 2 values") as caught:
        parse_overrides(["lr=a,b"])
    assert caught.value.fix == "put text with commas in quotes: lr='\"a,b\"'"
    assert value_of('"a,b"') == "a,b"


def test_a_key_can_be_set_once() -> None:
    with pytest.raises(UsageError, match="is set twice"):
        parse_overrides(["lr=1", "params.yaml:lr=2"])
    assert len(parse_overrides(["lr=1", "other.yaml:lr=2"])) == 2


def test_the_default_file_can_be_another() -> None:
    assert parse_overrides(["lr=1"], default_file="sub/params.yaml")[0].file == "sub/params.yaml"


def test_quoted_parts_of_keys_are_not_joined() -> None:
    assert split_key('a."b.c".d') == (KeyPart("a"), KeyPart("b.c", True), KeyPart("d"))
    assert split_key('"a\\"b"') == (KeyPart('a"b', True),)
    assert split_key("a.") == (KeyPart("a"), KeyPart(""))


def test_a_key_alone_has_a_file_and_an_action() -> None:
    assert parse_key("conf.json:+a.b") == ("conf.json", "a.b", ADD)
    with pytest.raises(UsageError):
        parse_key("a=1")


@given(
    st.sampled_from(["params.yaml", "conf/a.json", "odd: =,.yaml", "+a.toml", 'quote".py', "größe.yaml"]),
    st.from_regex(r'[a-z_]+(\.([a-z0-9_]+|"[ -!#-\[\]-~]*"))*', fullmatch=True),
    params_values,
    st.sampled_from(OverrideAction),
)
def test_the_text_of_an_override_is_that_override(file: str, key: str, value: Any, action: OverrideAction) -> None:
    override = Override(file, key, value, action)
    (found,) = parse_overrides([override.text])
    assert (found.file, found.key, found.action) == (file, key, action)
    assert same_values(found.value, value)


@given(st.text())
def test_any_text_is_an_override_or_a_usage_error(text: str) -> None:
    try:
        found = parse_overrides([text])
    except UsageError:
        return
    assert parse_overrides([found[0].text])[0].text == found[0].text


def test_a_mapping_has_values_by_key() -> None:
    params = {
        "lr": 0.1,
        "b.json:train.shape": (1, 2),
        "+name": "a,b",
        "size": numpy.float64(0.5),
        "day": date(2026, 11, 29),
    }
    texts = override_texts(params)
    assert texts == (
        "params.yaml:lr=0.1",
        "b.json:train.shape=[1, 2]",
        'params.yaml:+name="a,b"',
        "params.yaml:size=0.5",
        'params.yaml:day="2026-11-29"',
    )
    assert [one.value for one in parse_overrides(texts)] == [0.1, [1, 2], "a,b", 0.5, "2026-11-29"]
    assert override_texts(["lr=1"]) == override_texts("lr=1") == ("lr=1",)
    with pytest.raises(UsageError, match="'lr' is set to a value of type object"):
        override_texts({"lr": object()})
    with pytest.raises(UsageError, match="more than 400 digits"):
        override_texts({"lr": 10**5000})
