"""One column of Arrow arrays: each array goes to the values of its type, so that a column may have several types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from dver.formats.profile import ColumnProfile, ColumnType
from dver.profiles.column_merging import merge_columns
from dver.profiles.parts import NO_VALUES, Detail, PartOfColumn, joined_column
from dver.profiles.scan.inference import Inference
from dver.profiles.scan.times import is_time, seconds_of, text_of_time
from dver.profiles.scan.values import NestedValues, NumberValues, TextValues

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyarrow import Array, DataType

_DICTIONARY_SHARE: Final = 8
"""Texts are encoded as a dictionary if at most one in this number of values of the batch before was distinct."""
_Values: TypeAlias = NumberValues | TextValues | NestedValues


class ColumnScan:
    """The profile of one column while it is read."""

    def __init__(self, name: str, *, detail: Detail, private: bool, declared: str | None, infer: bool) -> None:
        """`infer`: texts may be numbers, times or booleans."""
        self.name = name
        self._detail = detail
        self._private = private
        self._declared = declared
        self._inference = Inference() if infer else None
        self._found: dict[ColumnType, _Values] = {}
        self._rows = self._nulls = 0
        self._repeats = True
        """Had the batch before few distinct texts?"""

    def add(self, array: Array) -> None:
        """Add an Arrow array."""
        self._rows += len(array)
        self._nulls += array.null_count
        if array.null_count:
            array = array.drop_null()
        if not len(array):
            return
        if self._inference is not None:
            array = self._inference.typed(array)
        self._add_typed(array)

    def add_nulls(self, count: int) -> None:
        """Add rows in which the column is missing."""
        self._rows += count
        self._nulls += count

    @property
    def rows(self) -> int:
        """The rows until now."""
        return self._rows

    def end_part(self) -> PartOfColumn:
        """End a part, and summarise it."""
        found = [part for one in self._found.values() if (part := one.end_part()) is not None]
        return found[0] if len(found) == 1 else joined_column(found) if found else NO_VALUES

    def profile(self) -> ColumnProfile:
        """The profile of the column. All parts have ended."""
        column = merge_columns(self.name, [one.profile(self.name) for one in self._found.values()])
        return replace(column, count=self._rows, nulls=self._nulls, declared=self._declared, private=self._private)

    def _add_typed(self, array: Array) -> None:
        import pyarrow as pa

        types, kind = pa.types, array.type
        if types.is_dictionary(kind):
            if _is_text(kind.value_type):
                self._add_dictionary(array)
            else:
                self._add_typed(array.dictionary_decode())
        elif _is_text(kind):
            self._add_texts(array)
        elif types.is_boolean(kind):
            self._numbers(ColumnType.BOOLEAN).add(array.cast(pa.uint8()).to_numpy(zero_copy_only=False), bool)
        elif types.is_integer(kind):
            self._numbers(ColumnType.INTEGER).add(array.to_numpy(zero_copy_only=False), int)
        elif types.is_floating(kind):
            self._numbers(ColumnType.NUMBER).add(_doubles(array), float)
        elif types.is_decimal(kind):
            of = ColumnType.NUMBER if kind.scale > 0 else ColumnType.INTEGER
            self._numbers(of).add(_doubles(array), float if kind.scale > 0 else int)
        elif is_time(kind):
            self._numbers(ColumnType.TIME).add(seconds_of(array), text_of_time(kind))
        elif types.is_duration(kind):
            self._numbers(ColumnType.NUMBER).add(seconds_of(array), float)
        elif isinstance(array, pa.ExtensionArray):
            self._add_typed(array.storage)
        elif types.is_binary(kind) or types.is_large_binary(kind):
            self._add_bytes(array)
        elif types.is_fixed_size_binary(kind):
            self._add_bytes(array.cast(pa.binary()))
        elif not types.is_null(kind):
            self._add_others(array)

    def _add_others(self, array: Array) -> None:
        """Add values of a nested type, or of one that Arrow stores in another way."""
        import pyarrow as pa
        import pyarrow.compute as pc

        text = str(array.type)
        if text in ("string_view", "binary_view"):
            self._add_typed(array.cast(pa.string() if text == "string_view" else pa.binary()))
        elif text.startswith("run_end_encoded"):
            self._add_typed(pc.run_end_decode(array))
        else:
            nested = self._values(ColumnType.NESTED, lambda: NestedValues(private=self._private))
            nested.add(len(array), _lengths_of_lists(array))

    def _add_dictionary(self, array: Array) -> None:
        import numpy as np

        counts = np.bincount(array.indices.to_numpy(zero_copy_only=False), minlength=len(array.dictionary))
        used = np.flatnonzero(counts)
        texts = array.dictionary if len(used) == len(counts) else array.dictionary.take(_arrow(used))
        self._repeats = len(used) * _DICTIONARY_SHARE <= len(array)
        self._add_text_array(self._texts(), texts, counts[used])

    def _add_texts(self, array: Array) -> None:
        if self._repeats:
            self._add_dictionary(array.dictionary_encode())
        else:
            self._add_text_array(self._texts(), array, None)

    def _add_text_array(self, values: TextValues, array: Array, counts: NDArray[Any] | None) -> None:
        import numpy as np
        import pyarrow.compute as pc

        content, offsets = _buffers(array)
        lengths = np.diff(offsets)
        if len(content) and content[offsets[0] : offsets[-1]].max(initial=0) > 127:
            lengths = pc.utf8_length(array).to_numpy(zero_copy_only=False)
        values.add(content, offsets, lengths, lambda few: array.take(_arrow(few)).to_pylist(), counts)
        if not self._private:
            extremes = pc.min_max(array).as_py()
            values.extend(extremes["min"], extremes["max"])
        if self._inference is not None:
            values.mixed += self._inference.numbers_among(array, counts)

    def _add_bytes(self, array: Array) -> None:
        import numpy as np

        content, offsets = _buffers(array)
        made = self._values(ColumnType.BYTES, lambda: TextValues(ColumnType.BYTES, self._detail, private=self._private))
        made.add(content, offsets, np.diff(offsets), lambda _: (), None)

    def _numbers(self, kind: ColumnType) -> NumberValues:
        made = self._values(kind, lambda: NumberValues(kind, self._detail, private=self._private))
        assert isinstance(made, NumberValues)
        return made

    def _texts(self) -> TextValues:
        made = self._values(ColumnType.TEXT, lambda: TextValues(ColumnType.TEXT, self._detail, private=self._private))
        assert isinstance(made, TextValues)
        return made

    def _values(self, kind: ColumnType, make: Callable[[], _Values]) -> Any:
        if kind not in self._found:
            self._found[kind] = make()
        return self._found[kind]


def _is_text(kind: DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _doubles(array: Array) -> NDArray[Any]:
    import pyarrow as pa

    if str(array.type) != "double":
        array = array.cast(pa.float64(), safe=False)
    found: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return found


def _buffers(array: Array) -> tuple[NDArray[Any], NDArray[Any]]:
    """The bytes of texts, and where each begins; one more offset than texts."""
    import numpy as np
    import pyarrow as pa

    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offsets, content = array.buffers()
    found = np.frombuffer(offsets, "<i8" if large else "<i4")[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(content, "u1") if content is not None else np.empty(0, "u1"), found


def _lengths_of_lists(array: Array) -> NDArray[Any] | None:
    import numpy as np
    import pyarrow as pa

    types, kind = pa.types, array.type
    if types.is_fixed_size_list(kind):
        return np.full(len(array), kind.list_size)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_map(kind):
        offsets: NDArray[Any] = array.offsets.to_numpy(zero_copy_only=False)
        return np.diff(offsets.astype(np.int64))
    return None


def _arrow(places: Sequence[int] | NDArray[Any]) -> Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.asarray(places, np.int64))
