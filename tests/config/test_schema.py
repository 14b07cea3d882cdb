from __future__ import annotations

import pytest

from dver.config.schema import BY_KEY, DEFAULTS, did_you_mean, parse_duration, parse_size, parse_value, spec_of
from dver.core.errors import UsageError
from dver.core.remote_schema import problem_with


def test_every_default_is_a_valid_value() -> None:
    assert {key: problem_with(BY_KEY[key], value) for key, value in DEFAULTS.items()} == dict.fromkeys(DEFAULTS)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("hooks.fetch", "TRUE", True),
        ("hooks.install", "false", False),
        ("core.jobs", "007", 7),
        ("gc.grace", "12h", "12h"),
        ("hooks.max_file_size", "500kB", "500kB"),
        ("remote.origin.url", "true", "true"),
        ("remote.origin.jobs", "3", 3),
    ],
)
def test_a_typed_value_gets_the_type_of_its_setting(key: str, text: str, value: object) -> None:
    assert parse_value(key, spec_of(key), text) == value


@pytest.mark.parametrize(
    ("key", "text", "why"),
    [
        ("hooks.fetch", "yes", "expected true or false, not 'yes'"),
        ("core.jobs", "0", "expected at least 1, not '0'"),
        ("core.jobs", "-1", "expected a whole number, not '-1'"),
        ("core.jobs", "9" * 10, f"expected a whole number, not '{'9' * 10}'"),
        ("core.jobs", "\u0663", "expected a whole number, not '\u0663'"),
        ("core.remote", "  ", "expected a text, not '  '"),
        ("cache.link", "soft", "expected one of auto, reflink, hardlink, symlink, copy, not 'soft'"),
        ("gc.grace", "14", "expected a duration: a number and m, h, d or w, such as 14d, not '14'"),
        ("remote.origin.password", "", "expected a text"),
    ],
)
def test_an_invalid_value_is_described_and_a_secret_not_shown(key: str, text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_value(key, spec_of(key), text)
    assert (caught.value.what, caught.value.why) == (f"invalid value for {key}", why)


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("core.remot", "did you mean core.remote?"),
        ("remote.origin.ulr", "did you mean remote.origin.url?"),
        ("zzz", "`dver config --help` lists all settings"),
        ("", "`dver config --help` lists all settings"),
    ],
)
def test_an_unknown_setting_suggests_a_similar_one(key: str, fix: str) -> None:
    with pytest.raises(UsageError, match="unknown setting") as caught:
        spec_of(key)
    assert caught.value.fix == fix


@pytest.mark.parametrize("name", ["", "-a", "_a", "a b", "ä", "a/b", "a\n"])
def test_a_remote_name_has_letters_digits_and_dashes(name: str) -> None:
    with pytest.raises(UsageError, match="invalid remote name"):
        spec_of(f"remote.{name}.url")
    assert spec_of("remote.0-a_B.url").name == "url"


@pytest.mark.parametrize("key", ["remote.url", "remote.a.b.url", "remote.origin", "remote.NAME.nope"])
def test_a_remote_setting_has_three_parts(key: str) -> None:
    with pytest.raises(UsageError, match="unknown setting"):
        spec_of(key)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0d", 0), ("30m", 1800), ("12h", 43_200), ("14d", 1_209_600), ("1w", 604_800)]
)
def test_a_duration_is_in_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("0B", 0), ("1kB", 1000), ("1KB", 1000), ("10MB", 10**7), ("2TB", 2 * 10**12)]
)
def test_a_size_is_in_decimal_units(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_only_a_similar_word_is_suggested() -> None:
    assert did_you_mean("psuh", ["push", "pull"]) == "did you mean push?"
    assert did_you_mean("xyz", ["push", "pull"]) is None
