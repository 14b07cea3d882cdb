"""The signature of a model: the names and types of its inputs and outputs. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from dver.core.errors import UsageError

Signature = Mapping[str, Any]
"""`inputs` and `outputs`, each a list of columns or tensors as MLflow describes them."""

_PARTS: Final = ("inputs", "outputs", "params")
_TYPES: Final = frozenset(("boolean", "integer", "long", "float", "double", "string", "binary", "datetime"))


def signature_of_meta(meta: Any) -> Signature | None:
    """The signature in the `meta` of an artifact; None if there is none. Raises UsageError for a wrong one.

    A part is a list of MLflow's columns and tensors, or a mapping of names to types.
    """
    said = meta.get("signature") if isinstance(meta, Mapping) else None
    if said is None:
        return None
    if not isinstance(said, Mapping) or not said or not set(said) <= {"inputs", "outputs"}:
        raise _wrong(f"it has keys other than `inputs` and `outputs`: {said!r}")
    return {part: _columns(said[part]) for part in _PARTS if part in said}


def signature_of_mlmodel(content: bytes) -> Signature | None:
    """The signature in the file MLmodel of MLflow; None if there is none, or none that can be read."""
    import yaml  # only directories of MLflow need it

    try:
        said = yaml.load(content, Loader=yaml.SafeLoader)
        parts = said["signature"] if isinstance(said, dict) else None
        if not isinstance(parts, dict):
            return None
        return {part: json.loads(parts[part]) for part in _PARTS if isinstance(parts.get(part), str)}
    except (yaml.YAMLError, ValueError, KeyError, RecursionError):
        return None


def mlflow_signature(signature: Signature) -> dict[str, str | None]:
    """The signature as MLflow writes it to MLmodel: each part is JSON."""
    return {part: json.dumps(signature[part]) if part in signature else None for part in _PARTS}


def _columns(said: Any) -> list[dict[str, Any]]:
    if isinstance(said, Mapping):
        said = [{"name": name, "type": kind} for name, kind in said.items()]
    if not isinstance(said, list) or not all(isinstance(one, Mapping) for one in said):
        raise _wrong(f"not a list of columns: {said!r}")
    return [_column(one) for one in said]


def _column(said: Mapping[str, Any]) -> dict[str, Any]:
    kind = said.get("type")
    if kind == "tensor":
        tensor = said.get("tensor-spec")
        if not isinstance(tensor, Mapping) or not {"dtype", "shape"} <= set(tensor):
            raise _wrong("a tensor needs `tensor-spec: {dtype: float32, shape: [-1, 3]}`")
        shape = tensor["shape"]
        if not isinstance(shape, list) or not all(type(one) is int for one in shape):
            raise _wrong(f"not a shape: {shape!r}")
        found = {"type": "tensor", "tensor-spec": {"dtype": str(tensor["dtype"]), "shape": shape}}
        return {"name": str(said["name"]), **found} if "name" in said else found
    if kind not in _TYPES or "name" not in said:
        raise _wrong(f"the column {said.get('name', '')!r} has the type {kind!r}")
    return {"type": kind, "name": str(said["name"]), "required": said.get("required", True) is True}


def _wrong(why: str) -> UsageError:
    return UsageError(
        "unusable `signature` in the `meta` of the artifact",
        why=f"{why}; types are {', '.join(sorted(_TYPES))} and tensor",
        fix="write `signature: {inputs: {age: long, city: string}, outputs: {risk: double}}` "
        "and register a new version",
    )
