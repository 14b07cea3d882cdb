"""What DuckDB gets to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dver.core.errors import CorruptError
from dver.tables.engine import open_engine


def test_an_arrow_file_whose_indices_are_wrong_is_refused(tmp_path: Path) -> None:
    indices = pa.Array.from_buffers(pa.int32(), 2, [None, pa.py_buffer(np.array([1 << 30, 0], "<i4"))])
    batch = pa.record_batch([pa.DictionaryArray.from_arrays(indices, pa.array(["x"]), safe=False)], ["a"])
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), batch.schema) as writer:
        writer.write_batch(batch)
    with (
        pytest.raises(CorruptError, match="cannot be read"),
        open_engine([(tmp_path / "a.arrow", "a.arrow")], tmp_path, arrow=True),
    ):
        pass
