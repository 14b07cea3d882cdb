"""Signatures of models."""

from __future__ import annotations

import pytest

from dver.core.errors import UsageError
from dver.models.package.signature import mlflow_signature, signature_of_meta, signature_of_mlmodel


def test_a_mapping_is_a_list_of_columns() -> None:
    found = signature_of_meta(
        {"signature": {"inputs": {"age": "long"}, "outputs": [{"name": "risk", "type": "double"}]}}
    )
    assert found == {
        "inputs": [{"type": "long", "name": "age", "required": True}],
        "outputs": [{"type": "double", "name": "risk", "required": True}],
    }


def test_a_signature_of_mlflow_is_read() -> None:
    columns = '[{"type": "long", "name": "age", "required": true}]'
    assert signature_of_mlmodel(f"signature:\n  inputs: '{columns}'\n  outputs: null\n".encode()) == {
        "inputs": [{"type": "long", "name": "age", "required": True}]
    }
    assert signature_of_mlmodel(b"flavors: {}") is None
    assert signature_of_mlmodel(b"signature: [") is None


def test_mlflow_gets_json() -> None:
    tensor = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 64]}}
    found = signature_of_meta({"signature": {"inputs": [tensor]}})
    assert found is not None
    assert mlflow_signature(found)["inputs"] == (
        '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 64]}}]'
    )


@pytest.mark.parametrize("meta", [None, [], "text", {"other": 1}, {"signature": None}])
def test_most_artifacts_have_none(meta: object) -> None:
    assert signature_of_meta(meta) is None


@pytest.mark.parametrize(
    "said",
    [
        "text",
        {},
        {"ins": {}},
        {"inputs": "age"},
        {"inputs": {"age": "number"}},
        {"inputs": [{"type": "long"}]},
        {"inputs": [{"type": "tensor"}]},
        {"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "f4", "shape": "3"}}]},
    ],
)
def test_a_wrong_signature_is_refused_with_an_example(said: object) -> None:
    with pytest.raises(UsageError, match="unusable `signature`") as raised:
        signature_of_meta({"signature": said})
    assert "inputs: {age: long" in str(raised.value.fix)
