"""The types of texts in CSV files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyarrow import Array

_NUMBER: Final = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_TRUE: Final = ("true", "True", "TRUE")
_FALSE: Final = ("false", "False", "FALSE")


class Inference:
    """Gives texts the first type that fits all of them, in this order: boolean, integer, number, time, text.

    A type that has failed once is not tried again.
    """

    def __init__(self) -> None:
        self._left: list[Callable[[Array], Array | None]] = [_booleans, _integers, _numbers, _times]

    def typed(self, array: Array) -> Array:
        """The array (texts, no nulls) in its type."""
        while self._left:
            found = self._left[0](array)
            if found is not None:
                return found
            self._left.pop(0)
        return array

    def numbers_among(self, array: Array, counts: NDArray[Any] | None) -> int:
        """How many of the texts are numbers. With `counts`, each text occurs as often as that says."""
        import numpy as np
        import pyarrow.compute as pc

        found = pc.match_substring_regex(array, _NUMBER).to_numpy(zero_copy_only=False)
        return int(np.count_nonzero(found) if counts is None else counts[found].sum())


def _booleans(array: Array) -> Array | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if array[0].as_py() not in (*_TRUE, *_FALSE):
        return None
    true = pc.is_in(array, pa.array(_TRUE))
    return true if pc.all(pc.or_(true, pc.is_in(array, pa.array(_FALSE)))).as_py() else None


def _integers(array: Array) -> Array | None:
    import pyarrow as pa

    return _cast_numbers(array, pa.int64())


def _numbers(array: Array) -> Array | None:
    import pyarrow as pa

    return _cast_numbers(array, pa.float64())


def _times(array: Array) -> Array | None:
    import pyarrow as pa

    for kind in (pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC")):
        found = _cast(array, kind)
        if found is not None:
            return found
    return None


def _cast_numbers(array: Array, kind: Any) -> Array | None:
    import pyarrow.compute as pc

    found = _cast(array, kind)
    if found is None and _cast(pc.utf8_trim_whitespace(array[:1]), kind) is not None:
        found = _cast(pc.utf8_trim_whitespace(array), kind)
    return found


def _cast(array: Array, kind: Any) -> Array | None:
    """The array as another type; None if one value is not of it.

    The first value is tried before all: Arrow writes a message for each one that fails.
    """
    import pyarrow as pa

    try:
        array[:1].cast(kind)
        return array.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
