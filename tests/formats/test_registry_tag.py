"""Names of registry tags are those of GTO; details survive a round trip."""

from __future__ import annotations

import pytest
from gto.exceptions import InvalidTagName
from gto.tag import parse_name
from hypothesis import given
from hypothesis import strategies as st

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import Oid
from dver.formats.registry_tag import RegistryTag, TagDetails, decode_details, encode_message, split_message

_PIECES = [
    "churn",
    "team/x=",
    "a_b",
    "-",
    "/",
    "=",
    "@",
    "#",
    "!",
    "v1.2.3",
    "v1.0.0-rc.1+b",
    "prod",
    "4",
    "deprecated",
    ":",
]


@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=7).map("".join))
def test_a_name_is_parsed_as_gto_parses_it(name: str) -> None:
    found = RegistryTag.parse(name)
    try:
        expected = parse_name(name)
    except InvalidTagName:
        assert found is None
        return
    assert found is not None
    assert str(found) == name
    assert (found.artifact, found.version, found.stage, found.number) == (
        expected["name"],
        expected.get("version"),
        expected.get("stage"),
        expected.get("counter"),
    )


def test_details_survive_a_round_trip() -> None:
    details = TagDetails(
        version="v1.2.0",
        path="models/churn.joblib",
        content=Oid.of(b"model"),
        size=5,
        type="model",
        metrics={"metrics.json:auc": 0.91},
        lineage="ab" * 32,
        experiment="brave-otter",
    )
    text, line = split_message(encode_message("Registering artifact churn version v1.2.0", details))
    assert text == "Registering artifact churn version v1.2.0"
    assert decode_details(line) == details


def test_a_message_of_gto_has_no_details() -> None:
    assert split_message("Registering artifact churn version v1.2.0\n") == (
        "Registering artifact churn version v1.2.0",
        "",
    )
    assert decode_details("") == TagDetails()


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "{}", '{"format": "1"}', '{"format": 1, "size": -1}', '{"format": 1, "metrics": {"a": "b"}}',
     '{"format": 1, "metrics": {"a": NaN}}', '{"format": 1, "content": "x"}', '{"format": 1, "path": 3}', "[" * 100000],
)  # fmt: skip
def test_corrupt_details_are_refused(line: str) -> None:
    with pytest.raises(CorruptError):
        decode_details(line)


def test_newer_details_ask_for_an_upgrade() -> None:
    with pytest.raises(NewerVersionError, match="format version 2"):
        decode_details('{"format": 2}')
