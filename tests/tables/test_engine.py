"""What DuckDB gets to read, and how a statement ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dver.core.errors import CorruptError
from dver.tables.engine import Engine, open_engine

ENDLESS = "SELECT sum(hash(range)) FROM range(1000000000000000)"


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


@pytest.mark.parametrize("create", [pa.ipc.new_file, pa.ipc.new_stream])
def test_an_arrow_file_may_have_a_name_that_is_not_utf_8(create: Callable[..., Any], tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2]})
    with create(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    odd = (tmp_path / "a.arrow").rename(tmp_path / os.fsdecode(b"\xff.arrow"))
    with open_engine([(odd, odd.name)], tmp_path, arrow=True) as (engine, (source,)):
        assert engine.rows(f"SELECT * FROM {source}") == [(1,), (2,)]


@pytest.mark.parametrize("run", [Engine.answer, Engine.rows])
def test_an_interrupt_ends_a_statement_and_is_no_mistake_in_it(
    run: Callable[[Engine, str], object], tmp_path: Path
) -> None:
    ended = threading.Event()
    with open_engine([], tmp_path) as (engine, _):

        def interrupt() -> None:
            while not ended.wait(0.05):
                engine._connection.interrupt()

        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                run(engine, ENDLESS)
        finally:
            ended.set()
            thread.join()


def test_an_error_names_the_file_and_not_the_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n" * 9 + "1\n")
    (tmp_path / "scratch").mkdir()
    with (
        open_engine([(tmp_path / "a.csv", "live/a.csv")], tmp_path / "scratch") as (engine, (source,)),
        pytest.raises(CorruptError) as caught,
    ):
        engine.rows(f"SELECT * FROM {source}")
    assert caught.value.why is not None
    assert caught.value.why.startswith("live/a.csv: rows differ")
