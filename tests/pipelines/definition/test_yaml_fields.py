from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition import yaml_fields
from dver.pipelines.definition.interpolate import as_node
from dver.pipelines.definition.yaml_fields import StagePaths
from dver.pipelines.definition.yaml_tree import Mark, Node

AT = Mark("dver.yaml", 2, 7)


def node(value: object) -> Node:
    return as_node(value, AT)


def refused(read: Callable[[Node, str], object], value: object) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        read(node(value), "`key`")
    assert caught.value.what.startswith("dver.yaml:2:7: `key`: ")
    return caught.value


def test_a_mapping_has_only_known_keys() -> None:
    assert yaml_fields.mapping(node({"cmd": 1}), "stage", ["cmd", "deps"])["cmd"].value == 1
    assert set(yaml_fields.mapping(node({"any": 1}), "stage")) == {"any"}


def test_an_unknown_key_is_reported_at_its_position() -> None:
    wrong = Node({"comd": node(1)}, AT, {"comd": Mark("dver.yaml", 8, 3)})
    with pytest.raises(PipelineError) as caught:
        yaml_fields.mapping(wrong, "stage", ["cmd", "deps"])
    assert (caught.value.what, caught.value.fix) == ("dver.yaml:8:3: stage: unknown key 'comd'", "did you mean 'cmd'?")
    with pytest.raises(PipelineError) as caught:
        yaml_fields.mapping(node({"zz": 1}), "stage", ["cmd", "deps"])
    assert caught.value.fix == "known keys: cmd, deps"


def test_a_removed_key_says_what_replaces_it() -> None:
    with pytest.raises(PipelineError) as caught:
        yaml_fields.mapping(node({"old": 1}), "stage", ["cmd"], removed={"old": "use `cmd`"})
    assert caught.value.what.endswith("'old' is no longer supported")
    assert caught.value.fix == "use `cmd`"


@pytest.mark.parametrize("value", [None, 1, "a", [1]])
def test_anything_but_a_mapping_is_refused(value: object) -> None:
    assert "expected a mapping, not" in refused(yaml_fields.mapping, value).what


def test_a_missing_or_empty_list_has_no_items() -> None:
    assert yaml_fields.list_items(None, "`key`") == ()
    assert yaml_fields.list_items(node(None), "`key`") == ()
    assert [one.value for one in yaml_fields.list_items(node([1, "a"]), "`key`")] == [1, "a"]
    assert "expected a list, not text" in refused(yaml_fields.list_items, "a").what


@pytest.mark.parametrize("value", ["", "  ", "a\0b"])
def test_text_is_neither_empty_nor_has_zero_bytes(value: str) -> None:
    assert "expected text" in refused(yaml_fields.text, value).what


@pytest.mark.parametrize(("value", "fix"), [(1.5, 'put it in quotes: "1.5"'), (None, None), ([1], None), ({}, None)])
def test_only_a_scalar_can_be_quoted_to_become_text(value: object, fix: str | None) -> None:
    assert refused(yaml_fields.text, value).fix == fix


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (1, "1"), (1.5, "1.5"), (True, "true"), (False, "false")])
def test_a_scalar_is_accepted_as_text(value: object, text: str) -> None:
    assert yaml_fields.scalar_text(node(value), "`key`") == text
    assert yaml_fields.optional_text({"key": node(value)}, "key") == text


def test_optional_text_may_be_missing_or_null_but_no_list() -> None:
    assert yaml_fields.optional_text({}, "key") is None
    assert yaml_fields.optional_text({"key": node(None)}, "key") is None
    with pytest.raises(PipelineError, match="expected text, not a list"):
        yaml_fields.optional_text({"key": node([])}, "key")


@pytest.mark.parametrize("value", ["true", 1, 0, None, "yes"])
def test_a_flag_is_only_true_or_false(value: object) -> None:
    assert yaml_fields.flag({}, "key", True) is True
    assert yaml_fields.flag({"key": node(False)}, "key", True) is False
    with pytest.raises(PipelineError, match="expected true or false"):
        yaml_fields.flag({"key": node(value)}, "key", True)


@pytest.mark.parametrize("value", [-1, -0.5, True, "1", None, float("inf"), float("nan")])
def test_a_number_is_finite_and_not_negative(value: object) -> None:
    assert "expected a number of at least 0" in refused(yaml_fields.number, value).what


@pytest.mark.parametrize("value", [-1, 1.0, True, "1", None])
def test_a_whole_number_has_no_fraction_and_no_sign(value: object) -> None:
    assert yaml_fields.whole_number(node(0), "`key`") == 0
    assert "expected an integer of at least 0" in refused(yaml_fields.whole_number, value).what


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (0, 0),
        (4096, 4096),
        ("4096", 4096),
        ("8GB", 8 * 10**9),
        ("8 G", 8 * 10**9),
        ("1.5kB", 1500),
        ("1.5K", 1500),
        (" 512MiB ", 512 << 20),
        ("2Ti", 2 << 40),
        ("10B", 10),
    ],
)
def test_a_size_has_decimal_or_binary_units(value: object, size: int) -> None:
    assert yaml_fields.size(node(value), "`key`") == size


@pytest.mark.parametrize("value", ["", "GB", "-1GB", "1PB", "1 GB x", "1e3", ".5GB", 1.5, None, True, []])
def test_other_text_is_no_size(value: object) -> None:
    assert "`key`: expected" in refused(yaml_fields.size, value).what


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(90, 90), (0.5, 0.5), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("1d2h3m4.5s", 93784.5), (" 1s ", 1)],
)
def test_a_duration_adds_up_its_units(value: object, seconds: float) -> None:
    assert yaml_fields.duration(node(value), "`key`") == seconds


@pytest.mark.parametrize("value", [0, "", "0s", "90", "30m1h", "1.5h", "-1s", "1w", None, []])
def test_a_duration_is_positive_and_has_ordered_units(value: Any) -> None:
    assert "`key`: expected" in refused(yaml_fields.duration, value).what


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (yaml_fields.number, 10**350),
        (yaml_fields.number, 1e19),
        (yaml_fields.whole_number, 10**350),
        (yaml_fields.size, 10**350),
        (yaml_fields.size, "9" * 400),
        (yaml_fields.size, "1000001TB"),
        (yaml_fields.duration, 10**350),
        (yaml_fields.duration, f"{'9' * 400}d"),
    ],
)
def test_a_number_too_large_for_arithmetic_is_refused(read: Callable[[Node, str], object], value: object) -> None:
    assert "expected at most 1,000,000,000,000,000,000, not" in refused(read, value).what


@pytest.mark.parametrize(
    ("wdir", "value", "path"),
    [(".", "a.csv", "a.csv"), ("src", "../a.csv", "a.csv"), ("src", "./x//y/", "src/x/y"), (".", "../up", "../up")],
)
def test_paths_of_a_stage_are_relative_to_its_working_directory(wdir: str, value: str, path: str) -> None:
    paths = StagePaths(wdir)
    assert paths.read(value, AT, "deps") == path
    assert paths.refused is None


def test_a_stage_with_urls_or_absolute_paths_is_refused_for_the_first_of_them() -> None:
    paths = StagePaths()
    assert paths.read("s3://bucket/key", AT, "outs") is None
    assert paths.read("/abs", AT, "outs") is None
    assert paths.refused is not None
    assert paths.refused.what == (
        "dver.yaml:2:7: outs: 's3://bucket/key' is a URL; only `deps` can be outside of the project"
    )


@pytest.mark.parametrize("value", ["/abs", "a\0b"])
def test_a_path_that_is_not_relative_is_refused(value: str) -> None:
    paths = StagePaths()
    assert paths.read(value, AT, "outs") is None
    assert paths.refused is not None
    assert "is not a relative path" in paths.refused.what
