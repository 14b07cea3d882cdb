"""Tables that are not as they should be: a profile, or an error with the file and the row."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dver.core.errors import CorruptError
from dver.formats.profile import CollectionProfile, ColumnType, decode, encode
from dver.profiles.scan import rows
from dver.profiles.tables import profile_table

PARQUET = pa.table({"a": np.arange(20_000), "b": [f"text {at}" for at in range(20_000)]})


def profiled(path: Path, content: bytes) -> CollectionProfile:
    path.write_bytes(content)
    profile = profile_table(path, path.name)
    assert encode(decode(encode(profile))) == encode(profile)
    assert profile.table is not None
    return profile.table


def refused(path: Path, content: bytes) -> CorruptError:
    path.write_bytes(content)
    with pytest.raises(CorruptError) as caught:
        profile_table(path, path.name)
    assert repr(path.name) in caught.value.what
    assert caught.value.why
    assert caught.value.fix
    return caught.value


def parquet_bytes(table: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def test_a_csv_with_semicolons_and_decimal_commas_says_how_fields_are_separated(tmp_path: Path):
    error = refused(tmp_path / "a.csv", b"id;price\n1;2,5\n")
    assert error.fix == "separate all fields with commas, or with tabs in a .tsv file"


@pytest.mark.parametrize("before", [0, 1, 200_000])
def test_a_ragged_csv_names_the_row(tmp_path: Path, before: int):
    error = refused(tmp_path / "a.csv", b"a,b,c\n" + b"1,2,3\n" * before + b"1,2\n" + b"1,2,3\n" * 10)
    assert error.what == f"'a.csv' cannot be read at row {before + 1:,}"
    assert error.why == "it has 2 fields, and the header 3"


def test_too_many_fields_name_the_row(tmp_path: Path):
    assert refused(tmp_path / "a.csv", b'a,b\n"x\ny",2\n1,2,3\n').what.endswith("at row 2")


@pytest.mark.parametrize("before", [0, 100_000])
def test_a_csv_that_is_not_utf8_names_the_row(tmp_path: Path, before: int):
    error = refused(tmp_path / "a.csv", b"a,b\n" + b"1,x\n" * before + "2,größe\n".encode("latin-1") + b"3,y\n")
    assert error.what == f"'a.csv' cannot be read at row {before + 1:,}"
    assert error.why == "it is not UTF-8"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty: it has no header"),
        (b"\n\n", "it is empty: it has no header"),
        ("a,b\n1,2\n".encode("utf-16"), "it is UTF-16, and dver reads UTF-8"),
        ("größe\n1\n".encode("latin-1"), "its header is not UTF-8"),
    ],
)
def test_a_csv_without_a_good_header_is_refused(tmp_path: Path, content: bytes, why: str):
    assert refused(tmp_path / "a.csv", content).why == why


def test_a_header_alone_has_columns_without_values(tmp_path: Path):
    table = profiled(tmp_path / "a.csv", b"a,b\n")
    assert [(one.name, one.type, one.count) for one in table.columns] == [
        ("a", ColumnType.EMPTY, 0),
        ("b", ColumnType.EMPTY, 0),
    ]


@pytest.mark.parametrize("before", [b"\n", b"\n\n\n", b"\r\n", b"\xef\xbb\xbf\n"])
def test_blank_lines_before_the_header_are_no_rows(tmp_path: Path, before: bytes):
    table = profiled(tmp_path / "a.csv", before + b"a,b\r\n1,2\r\n")
    assert (table.rows, [one.name for one in table.columns]) == (1, ["a", "b"])


def test_json_of_several_types_keeps_times_and_mixes_truth_values_with_no_number(tmp_path: Path):
    lines = [{"a": 1.5, "at": "2026-01-01T00:00:00Z", "b": 1}, {"a": True, "at": "2026-01-02T00:00:00Z", "b": "x"}]
    table = profiled(tmp_path / "a.jsonl", "\n".join(json.dumps(one) for one in lines).encode())
    assert [one.type for one in table.columns] == [ColumnType.TEXT, ColumnType.TIME, ColumnType.TEXT]
    assert table.columns[0].counts is not None
    assert table.columns[0].counts.values == (("1.5", 1), ("true", 1))


def test_a_header_needs_no_newline(tmp_path: Path):
    assert [one.name for one in profiled(tmp_path / "a.csv", b"a,b,c").columns] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "end", [b'2,"oops\n3,y\n', b'2,"oops', b'2,"oops\n', b'2,"oops ""x"" y\n3,z', b'2,"oops' + b"\n3,y" * 200_000]
)
def test_a_quote_that_is_not_closed_names_the_row(tmp_path: Path, end: bytes):
    error = refused(tmp_path / "a.csv", b"a,b\n1,x\n" + end)
    assert (error.what, error.why) == ("'a.csv' cannot be read at row 2", "a quote is not closed")
    assert refused(tmp_path / "a.csv.gz", gzip.compress(b'a,b\n1,x\n2,"oops\n3,y\n')).why == "a quote is not closed"


@pytest.mark.parametrize(
    "end", [b'2,"x\ny"\n', b'2,"x\ny"', b'2,"x\n"\n', b'2,""\n', b'2,5"', b'2,5"\n', b'2,"a""b"\n']
)
def test_quotes_at_the_end_of_a_file_may_be_closed(tmp_path: Path, end: bytes):
    assert profiled(tmp_path / "a.csv", b"a,b\n1,x\n" + end).rows == 2
    assert profiled(tmp_path / "a.csv.gz", gzip.compress(b"a,b\n1,x\n" + end)).rows == 2


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_the_advice_for_another_encoding_makes_a_file_that_is_read(tmp_path: Path, encoding: str):
    path = tmp_path / "größe 1.csv"
    error = refused(path, "größe\nüber\n".encode(encoding))
    assert error.fix is not None
    subprocess.run(error.fix.partition(": ")[2], shell=True, cwd=tmp_path, check=True)
    assert profiled(path, (tmp_path / "größe 1.csv.utf8").read_bytes()).columns[0].first == "über"


def test_bom_crlf_and_newlines_in_quotes_are_read(tmp_path: Path):
    table = profiled(tmp_path / "a.csv", b'\xef\xbb\xbf"a\nb",c\r\n"x\r\ny",1\r\n"say ""hi""",2\r\n')
    assert [one.name for one in table.columns] == ["a\nb", "c"]
    assert table.rows == 2
    assert table.columns[0].first == 'say "hi"'


def test_numbers_that_end_in_texts_are_mixed(tmp_path: Path):
    table = profiled(tmp_path / "a.csv", b"a\n" + b"1\n" * 70_000 + b"x\n" + b"2\n" * 10)
    (one,) = table.columns
    assert (one.type, one.count, one.mixed) == (ColumnType.TEXT, 70_011, 70_010)
    assert one.counts is not None
    assert one.counts.values == (("1", 70_000), ("2", 10), ("x", 1))


def test_a_column_without_values_is_empty_and_a_constant_one_has_no_variance(tmp_path: Path):
    empty, constant = profiled(tmp_path / "a.csv", b"a,b\n" + b",7\n" * 2000).columns
    assert (empty.type, empty.nulls, empty.numbers) == (ColumnType.EMPTY, 2000, None)
    assert constant.numbers is not None
    assert (constant.numbers.variance, constant.numbers.minimum) == (0, 7)


def test_names_may_repeat(tmp_path: Path):
    table = profiled(tmp_path / "a.csv", b"a,a,b\n1,x,2\n")
    assert [(one.name, one.type.value) for one in table.columns] == [("a", "integer"), ("a", "text"), ("b", "integer")]
    repeated = pa.Table.from_arrays([pa.array([1]), pa.array(["x"])], names=["a", "a"])
    table = profiled(tmp_path / "a.parquet", parquet_bytes(repeated))
    assert [(one.name, one.type.value) for one in table.columns] == [("a", "integer"), ("a", "text")]


@pytest.mark.parametrize("size", [0, 3, 100, -1, -100, -20_000])
def test_a_truncated_parquet_file_is_refused(tmp_path: Path, size: int):
    refused(tmp_path / "a.parquet", parquet_bytes(PARQUET)[:size])


def test_damage_inside_of_a_parquet_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows, "_BATCH_ROWS", 5000)
    content = bytearray(parquet_bytes(PARQUET, row_group_size=5000, use_dictionary=False))
    at = pq.ParquetFile(pa.BufferReader(bytes(content))).metadata.row_group(2).column(1).data_page_offset
    content[at + 40 : at + 3000] = b"\xff" * 2960
    error = refused(tmp_path / "a.parquet", bytes(content))
    assert error.what == "'a.parquet' cannot be read after row 10,000"


def test_truncated_arrow_files_are_refused(tmp_path: Path):
    for suffix, open_writer in ((".arrow", pa.ipc.new_file), (".arrows", pa.ipc.new_stream)):
        sink = pa.BufferOutputStream()
        with open_writer(sink, PARQUET.schema) as writer:
            writer.write_table(PARQUET, max_chunksize=5000)
        refused(tmp_path / f"a{suffix}", sink.getvalue().to_pybytes()[:150_000])


def test_a_truncated_compressed_file_is_refused(tmp_path: Path):
    content = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (at, at * 7919) for at in range(50_000)))
    refused(tmp_path / "a.csv.gz", content[: len(content) // 2])
    refused(tmp_path / "b.csv.gz", b"a,b\n1,2\n")


@pytest.mark.parametrize(
    ("content", "row", "why"),
    [
        (b'{"a":1}\n{"a"\n', 2, "it is not JSON"),
        (b"[1]\n", 1, "it is not a JSON object"),
        (b'{"a":1}\n{"a":"\xff"}\n', 2, "it is not UTF-8"),
        (b'{"a":1}\n\n' * 5000 + b"nothing", 5001, "it is not JSON"),
    ],
)
def test_a_bad_line_of_json_names_the_row(tmp_path: Path, content: bytes, row: int, why: str):
    error = refused(tmp_path / "a.jsonl", content)
    assert error.what == f"'a.jsonl' cannot be read at row {row:,}"
    assert error.why is not None
    assert error.why.startswith(why)


def test_json_lines_without_rows_have_no_columns(tmp_path: Path):
    assert profiled(tmp_path / "a.jsonl", b"").columns == ()


def test_json_values_of_all_kinds_in_one_key_become_texts(tmp_path: Path):
    lines = [{"a": value} for value in (1, "x", None, True, [1], {"b": 2}, 2**80, 1e400)]
    table = profiled(tmp_path / "a.jsonl", "\n".join(json.dumps(line) for line in lines).encode())
    assert (table.columns[0].type, table.columns[0].nulls) == (ColumnType.TEXT, 1)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_cell_of_ten_megabytes_is_read(tmp_path: Path, name: str):
    text = "x" * 10_000_000
    content = {
        "a.csv": f"a,b\n1,{text}\n2,y\n".encode(),
        "a.jsonl": f'{{"a":1,"b":"{text}"}}\n{{"a":2,"b":"y"}}\n'.encode(),
        "a.parquet": parquet_bytes(pa.table({"a": [1, 2], "b": [text, "y"]})),
    }[name]
    one = profiled(tmp_path / name, content).column("b")
    assert one is not None
    assert one.lengths is not None
    assert one.lengths.maximum == 10_000_000
    assert one.first == "x" * 100
    assert one.counts is not None
    assert one.counts.values == (("y", 1),)


_PEAK = """
import sys
from pathlib import Path
from dver.profiles.tables import profile_table
table = profile_table(Path(sys.argv[1]), sys.argv[1]).table
status = Path("/proc/self/status").read_text()  # ru_maxrss may be of the program that started this one
print(len(table.columns), table.rows, status.partition("VmHWM:")[2].split()[0])
"""


def test_ten_thousand_columns_are_read_in_bounded_memory(tmp_path: Path):
    names = [f"c{at}" for at in range(10_000)]
    lines = [",".join(names), *(",".join(str(at * row % 97) for at in range(10_000)) for row in range(30))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    done = subprocess.run([sys.executable, "-c", _PEAK, tmp_path / "a.csv"], capture_output=True, check=True)
    columns, read, peak = map(int, done.stdout.split())
    assert (columns, read) == (10_000, 30)
    assert peak < 700_000


def wrong_arrays() -> list[pa.Array]:
    """Arrays whose numbers point out of their values."""
    offsets = pa.py_buffer(np.array([0, 2_000_000_000, 3], "<i4"))
    indices = pa.Array.from_buffers(pa.int32(), 2, [None, pa.py_buffer(np.array([1 << 30, 0], "<i4"))])
    return [
        pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"abc")]),
        pa.DictionaryArray.from_arrays(indices, pa.array(["x"]), safe=False),
    ]


@pytest.mark.parametrize("at", [0, 1])
def test_an_arrow_file_that_points_out_of_its_values_is_refused(tmp_path: Path, at: int):
    batch = pa.record_batch([wrong_arrays()[at]], ["a"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    refused(tmp_path / "a.arrows", sink.getvalue().to_pybytes())
