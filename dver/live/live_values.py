"""Values of training programs as plain Python values: scalars of NumPy, PyTorch, JAX and TensorFlow become numbers."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Final

from dver.core.errors import UsageError

_PLAIN: Final = frozenset((int, float, bool))


def number(value: Any, name: str) -> int | float | bool:
    """The value of the metric `name`: a number, or anything with one value, such as a tensor without dimensions.

    Raises UsageError for other values.
    """
    if type(value) in _PLAIN:
        return value  # type: ignore[no-any-return]
    try:
        return _converted(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        why = f"{type(value).__name__}: {error}"
        raise UsageError(f"metric {name!r} is not a number", why=why, fix="log one number, such as the mean") from error


def step_number(value: Any) -> int:
    """A step: an integer from 0 on, or an integer scalar of NumPy or PyTorch. Raises UsageError."""
    try:
        step = operator.index(value)
    except TypeError:
        step = -1
    if step < 0 or isinstance(value, bool):
        raise UsageError(f"step {value!r} is not a whole number from 0 on", fix="log(loss=0.3, step=7)")
    return step


def parameter(value: Any) -> Any:
    """A parameter as YAML can hold it: scalars, lists and mappings; the text of anything else, such as a path."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): parameter(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [parameter(one) for one in value]
    try:
        return _converted(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return str(value)


def _converted(value: Any) -> int | float | bool:
    """A number of another type. Raises TypeError, ValueError or RuntimeError for anything else."""
    item = getattr(value, "item", None)
    if callable(item):  # NumPy, PyTorch, JAX; a scalar on an accelerator is copied here
        value = item()
    if type(value) in _PLAIN:
        return value  # type: ignore[no-any-return]
    if isinstance(value, (str, bytes)):
        raise TypeError("text is not a number")
    if isinstance(value, int):
        return int(value)
    return float(value)
