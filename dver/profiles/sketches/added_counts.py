"""The counts of many profiles added: as arrays, since a thousand profiles of 100 columns have millions of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dver.formats.counted_values import ValueColumns, ValueKind, columns_of, damaged_counts, encode_values
from dver.formats.profile import ValueCounts
from dver.profiles.sketches.frequent import Frequent

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBERS: Final = {ValueKind.INTEGERS, ValueKind.DECIMALS, ValueKind.DOUBLES}


def added_counts(counts: Sequence[ValueCounts]) -> Frequent:
    """The sums of counts of values of one type. Raises CorruptError for damaged ones."""
    found = Frequent()
    columns = [one for one in (columns_of(encode_values(each.values)) for each in counts) if one.number]
    values = _array_of(columns) if columns else None
    if columns and values is None:
        for one in counts:
            found.merge(Frequent.of(one))
        return found
    found.error = sum(one.error for one in counts)
    found.incomplete = not all(one.complete for one in counts)
    if columns:
        _add(found, values, columns)
    return found


def _add(found: Frequent, values: Any, columns: Sequence[ValueColumns]) -> None:
    import numpy as np

    counts = np.concatenate([_counts_of(one) for one in columns])
    if not counts.all():
        raise damaged_counts()
    encoded = values.dictionary_encode()
    # The sums are doubles, and exact: there are fewer than 2^53 rows.
    sums = np.bincount(encoded.indices.to_numpy(), weights=counts, minlength=len(encoded.dictionary))
    found.update_array(
        np.arange(len(sums)), sums.astype("i8"), lambda chosen: encoded.dictionary.take(chosen).to_pylist()
    )


def _array_of(columns: Sequence[ValueColumns]) -> Any:
    """All values as an array of Arrow; None where their types have no common one."""
    import numpy as np
    import pyarrow as pa

    kinds = {one.kind for one in columns}
    if kinds == {ValueKind.TEXTS}:
        return _texts_of(columns)
    if kinds == {ValueKind.INTEGERS}:
        return pa.array(np.concatenate([_integers_of(one) for one in columns]))
    if kinds <= _NUMBERS:
        return pa.array(np.concatenate([_numbers_of(one) for one in columns]))
    return None


def _counts_of(columns: ValueColumns) -> NDArray[Any]:
    import numpy as np

    return np.frombuffer(columns.counts, f"<u{len(columns.counts) // columns.number}")


def _integers_of(columns: ValueColumns) -> NDArray[Any]:
    import numpy as np

    return np.frombuffer(columns.values, f"<i{len(columns.values) // columns.number}").astype("i8")


def _numbers_of(columns: ValueColumns) -> NDArray[Any]:
    import numpy as np

    doubles = columns.kind is ValueKind.DOUBLES
    found = np.frombuffer(columns.values, "<f8") if doubles else _integers_of(columns) / 10**columns.places
    if not np.isfinite(found).all():
        raise damaged_counts()
    return np.asarray(found + 0.0)  # -0 is 0


def _texts_of(columns: Sequence[ValueColumns]) -> Any:
    import numpy as np
    import pyarrow as pa

    lengths = np.frombuffer(b"".join(one.lengths for one in columns), "<u2")
    offsets = np.concatenate(([0], np.cumsum(lengths, dtype="i8")))
    content = b"".join(one.values for one in columns)
    if offsets[-1] != len(content):
        raise damaged_counts()
    found = pa.LargeStringArray.from_buffers(len(lengths), pa.py_buffer(offsets), pa.py_buffer(content))
    try:
        found.validate(full=True)
    except pa.ArrowInvalid as error:
        raise damaged_counts() from error
    return found
