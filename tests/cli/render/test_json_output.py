"""Results as JSON."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

from dver.cli.render.json_output import encode, simplified
from dver.core.oid import Oid


class Kind(Enum):
    BLOB = "blob"


@dataclass(frozen=True, slots=True)
class Entry:
    path: bytes
    oid: Oid
    kind: Kind
    size: int | None = None


def test_dataclasses_paths_oids_and_enums_have_their_obvious_form() -> None:
    oid = Oid.of(b"")
    entry = Entry(b"data/a", oid, Kind.BLOB)
    assert json.loads(encode([entry])) == [{"path": "data/a", "oid": str(oid), "kind": "blob", "size": None}]
    assert json.loads(encode({"to": Path("/tmp"), "n": (1, 2.5, True)})) == {"to": "/tmp", "n": [1, 2.5, True]}


def test_keys_of_any_kind_become_text() -> None:
    assert simplified({b"a": 1, Kind.BLOB: 2, 3: 4}) == {"a": 1, "blob": 2, "3": 4}


def test_sets_have_a_stable_order() -> None:
    assert simplified({b"c", b"a", b"b"}) == ["a", "b", "c"]


def test_names_that_are_no_text_are_valid_json_and_come_back() -> None:
    name = b"caf\xe9 \xff"
    text = encode({"path": name})
    text.encode("utf-8")  # raises if a lone surrogate were left
    assert os.fsencode(json.loads(text)["path"]) == name


def test_text_beyond_ascii_is_readable() -> None:
    assert "日本" in encode({"path": "日本"})


def test_values_for_json_have_no_nan_and_no_infinity() -> None:
    found = simplified({"a": (math.nan, math.inf), "b": {"c": -math.inf}, "d": 1.5, "e": None})
    assert found == {"a": ["NaN", "Infinity"], "b": {"c": "-Infinity"}, "d": 1.5, "e": None}
    json.dumps(found, allow_nan=False)


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no JSON form for object"):
        encode(object())
