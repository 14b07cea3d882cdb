"""Times of Arrow as Unix seconds, and Unix seconds as ISO 8601."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyarrow import Array, DataType

_UNITS: Final = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_DAY: Final = 86_400


def is_time(kind: DataType) -> bool:
    """Is this the type of dates, timestamps or times of a day?"""
    import pyarrow as pa

    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind))


def seconds_of(array: Array) -> NDArray[Any]:
    """Unix seconds of an array without nulls; of times of a day and of durations, their seconds."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_date32(kind):
        days: NDArray[Any] = array.cast(pa.int32()).to_numpy(zero_copy_only=False)
        return days * float(_DAY)
    small = pa.types.is_time32(kind)
    numbers: NDArray[Any] = array.cast(pa.int32() if small else pa.int64()).to_numpy(zero_copy_only=False)
    return numbers / (1e3 if pa.types.is_date64(kind) else _UNITS[kind.unit])


def text_of_time(kind: DataType) -> Callable[[Any], str]:
    """What turns Unix seconds into the ISO 8601 text of this type."""
    import pyarrow as pa

    if pa.types.is_date(kind):
        return _date_text
    return _clock_text if pa.types.is_time(kind) else iso_text


def iso_text(seconds: float) -> str:
    """`2026-01-31T12:00:00`, with as many microseconds as there are."""
    import numpy as np

    text = str(np.datetime64(round(float(seconds) * 1e6), "us"))
    return text.rstrip("0").removesuffix(".") if "." in text else text


def _date_text(seconds: float) -> str:
    return iso_text(seconds)[:-9]


def _clock_text(seconds: float) -> str:
    return iso_text(seconds)[11:]
