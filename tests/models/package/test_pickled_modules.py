"""The modules that a pickle names."""

from __future__ import annotations

import collections
import datetime
import decimal
import io
import pickle
from pathlib import Path

import joblib
import numpy
import pytest
from sklearn.linear_model import LogisticRegression

from dver.models.package.pickled_modules import pickled_modules


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_module_is_found_in_every_protocol(protocol: int) -> None:
    value = [decimal.Decimal(1), collections.OrderedDict(a=1), [decimal.Decimal(2), datetime.date(2026, 1, 2)]]
    found = pickled_modules(io.BytesIO(pickle.dumps(value, protocol)))
    assert (
        {"decimal", "collections", "datetime"} <= set(found.names) <= {"decimal", "collections", "datetime", "_codecs"}
    )


def test_modules_of_a_model_are_found() -> None:
    model = LogisticRegression().fit(numpy.eye(4), [0, 1, 0, 1])
    found = pickled_modules(io.BytesIO(pickle.dumps(model)))
    assert {name.partition(".")[0] for name in found.names} == {"sklearn", "numpy"}
    assert not found.is_joblib


def test_arrays_of_joblib_are_noticed_and_candidates_after_them_found(tmp_path: Path) -> None:
    joblib.dump([numpy.arange(1000), decimal.Decimal(1)], tmp_path / "model.pkl")
    with open(tmp_path / "model.pkl", "rb") as file:
        found = pickled_modules(file, ["decimal", "datetime"])
    assert found.is_joblib
    assert "decimal" in found.names
    assert "datetime" not in found.names


@pytest.mark.parametrize("method", ["zlib", "gzip", "bz2", "xz", "lzma"])
def test_compressed_files_of_joblib_are_read(method: str, tmp_path: Path) -> None:
    value = [decimal.Decimal(1), numpy.arange(300_000), datetime.date(2026, 1, 2)]
    joblib.dump(value, tmp_path / "model", compress=(method, 3))
    with open(tmp_path / "model", "rb") as file:
        found = pickled_modules(file, ["datetime", "fractions"])
    assert found.is_joblib
    assert {"decimal", "datetime"} <= set(found.names)
    assert "fractions" not in found.names
    whole = (tmp_path / "model").read_bytes()
    for length in (1, 2, 10, len(whole) // 2, len(whole) - 1):
        assert "fractions" not in pickled_modules(io.BytesIO(whole[:length]), ["fractions"]).names


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"\x80\x04", b"\x1f\x8b more", b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", b"text"]
)
def test_other_files_name_no_modules(content: bytes) -> None:
    assert pickled_modules(io.BytesIO(content)).names == ()


def test_a_pickle_is_not_executed() -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return print, ("executed",)

    assert pickled_modules(io.BytesIO(pickle.dumps(Bomb()))).names == ("builtins",)
