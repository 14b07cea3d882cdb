"""Profiles of tables: what is measured in each format."""

from __future__ import annotations

import datetime
import decimal
import gzip
import math
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
import zstandard

from dver.core.errors import UsageError
from dver.formats.profile import CollectionProfile, ColumnProfile, ColumnType, decode, encode
from dver.profiles import sharing_columns
from dver.profiles.settings import ProfileSettings
from dver.profiles.sketches.distinct import Distinct
from dver.profiles.sketches.quantiles import Quantiles
from dver.profiles.tables import profile_table
from dver.tables.suffixes import is_table_file

ROWS = 5000


def profiled(path: Path, content: bytes | pa.Table, **settings: frozenset[str]) -> CollectionProfile:
    """The profile of a file with this content, after it was encoded and decoded."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(content, path)
    profile = profile_table(path, path.name, ProfileSettings(**settings))
    assert encode(decode(encode(profile))) == encode(profile)
    assert profile.table is not None
    return profile.table


def column(table: CollectionProfile, name: str) -> ColumnProfile:
    found = table.column(name)
    assert found is not None
    return found


def all_types() -> pa.Table:
    start = datetime.datetime(2024, 1, 1)
    return pa.table(
        {
            "whole": pa.array(range(ROWS), pa.int32()),
            "number": pa.array([math.nan, math.inf, -1e308, 1e308, 0.5] * (ROWS // 5)),
            "category": [f"c{at % 7}" for at in range(ROWS)],
            "encoded": pa.array([f"c{at % 7}" for at in range(ROWS)]).dictionary_encode(),
            "unique": [f"user-é-{at}" for at in range(ROWS)],
            "time": [start + datetime.timedelta(minutes=at) for at in range(ROWS)],
            "day": [start.date()] * ROWS,
            "clock": [datetime.time(12, 30)] * ROWS,
            "span": pa.array([90] * ROWS, pa.duration("s")),
            "flag": [at % 4 == 0 for at in range(ROWS)],
            "nothing": pa.nulls(ROWS),
            "list": [[1] * (at % 4) for at in range(ROWS)],
            "pairs": pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64())),
            "record": [{"x": at, "y": {"z": "q"}} for at in range(ROWS)],
            "price": [decimal.Decimal("1.25")] * ROWS,
            "bytes": [b"ab"] * ROWS,
            "half": pa.array(np.full(ROWS, 0.5, "f2")),
            "gaps": [None if at % 2 else at for at in range(ROWS)],
        }
    )


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> CollectionProfile:
    return profiled(tmp_path_factory.mktemp("typed") / "all.parquet", all_types())


def test_columns_have_the_types_of_their_values(typed: CollectionProfile):
    assert {one.name: one.type.value for one in typed.columns} == {
        "whole": "integer",
        "number": "number",
        "category": "text",
        "encoded": "text",
        "unique": "text",
        "time": "time",
        "day": "time",
        "clock": "time",
        "span": "number",
        "flag": "boolean",
        "nothing": "empty",
        "list": "nested",
        "pairs": "nested",
        "record": "nested",
        "price": "number",
        "bytes": "bytes",
        "half": "number",
        "gaps": "integer",
    }
    assert column(typed, "whole").declared == "int32"


def test_numbers_have_moments_and_quantiles(typed: CollectionProfile):
    numbers = column(typed, "whole").numbers
    assert numbers is not None
    values = np.arange(ROWS)
    assert (numbers.count, numbers.minimum, numbers.maximum) == (ROWS, 0, ROWS - 1)
    assert numbers.mean == pytest.approx(values.mean())
    assert numbers.variance == pytest.approx(values.var(ddof=1))
    assert Quantiles.of(numbers.quantiles).quantiles([0.5])[0] == pytest.approx(ROWS / 2, abs=0.02 * ROWS)


def test_nan_and_infinities_are_counted_apart(typed: CollectionProfile):
    one = column(typed, "number")
    assert (one.nans, one.infinities, one.nulls) == (ROWS // 5, ROWS // 5, 0)
    assert one.numbers is not None
    assert (one.numbers.minimum, one.numbers.maximum) == (-1e308, 1e308)
    assert math.isfinite(one.numbers.m2)


def test_texts_have_lengths_extremes_and_counts(typed: CollectionProfile):
    one = column(typed, "category")
    assert (one.first, one.last) == ("c0", "c6")
    assert one.counts is not None
    assert one.counts.complete
    assert dict(one.counts.values)["c0"] == -(-ROWS // 7)
    assert column(typed, "encoded").counts == one.counts
    unique = column(typed, "unique")
    assert unique.lengths is not None
    assert (unique.lengths.minimum, unique.lengths.maximum) == (8, 11)
    assert unique.counts is not None
    assert not unique.counts.values


def test_distinct_values_are_estimated(typed: CollectionProfile):
    assert Distinct.of(column(typed, "category").distinct).estimate() == 7
    assert Distinct.of(column(typed, "unique").distinct).estimate() == pytest.approx(ROWS, rel=0.05)
    assert Distinct.of(column(typed, "whole").distinct).estimate() == pytest.approx(ROWS, rel=0.05)


def test_booleans_have_their_share_of_true(typed: CollectionProfile):
    one = column(typed, "flag")
    assert one.true == ROWS // 4
    assert one.counts is not None
    assert one.counts.values == ((False, 3 * ROWS // 4), (True, ROWS // 4))


def test_times_are_unix_seconds_and_iso_texts(typed: CollectionProfile):
    numbers = column(typed, "time").numbers
    assert numbers is not None
    assert numbers.minimum == 1704067200
    shown = {name: column(typed, name).counts for name in ("day", "clock")}
    assert [counts and counts.values for counts in shown.values()] == [(("2024-01-01", ROWS),), (("12:30:00", ROWS),)]


def test_nested_values_have_lengths(typed: CollectionProfile):
    lengths = {name: column(typed, name).lengths for name in ("list", "pairs", "record")}
    assert lengths["list"] is not None
    assert (lengths["list"].minimum, lengths["list"].maximum) == (0, 3)
    assert lengths["pairs"] is not None
    assert lengths["pairs"].maximum == 1
    assert lengths["record"] is None


def test_parts_are_consecutive(typed: CollectionProfile):
    assert [part.rows for part in typed.parts] == [500] * 10
    starts = [part.columns["whole"].quantiles[0] for part in typed.parts]
    assert starts == [float(at * 500) for at in range(10)]
    assert all(len(part.columns["whole"].quantiles) == 17 for part in typed.parts)
    assert dict(typed.parts[0].columns["category"].counts).keys() == {f"c{at}" for at in range(7)}


def test_arrow_files_and_streams_are_profiled_alike(typed: CollectionProfile, tmp_path: Path):
    table = all_types()
    for name, open_writer in (
        ("a.arrow", pa.ipc.new_file),
        ("a.feather", pa.ipc.new_file),
        ("a.arrows", pa.ipc.new_stream),
    ):
        with pa.OSFile(str(tmp_path / name), "wb") as file, open_writer(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=700)
        found = profile_table(tmp_path / name, name).table
        assert found is not None
        assert [(one.name, one.count, one.type, one.counts) for one in found.columns] == [
            (one.name, one.count, one.type, one.counts) for one in typed.columns
        ]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_types_of_csv_files_are_inferred(tmp_path: Path, suffix: str):
    content = (
        b'\xef\xbb\xbfid,name,when,flag,v,zone\r\n1,"x\ny",2024-01-01,true,1.5,2024-01-01T00:00:00Z\r\n'
        b"2,,2024-02-01 10:00:00,False,nan,2024-01-02T00:00:00+02:00\r\n 3,NA,,,-inf,\r\n"
    )
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[suffix]
    table = profiled(tmp_path / f"a.csv{suffix}", pack(content))
    assert [one.type.value for one in table.columns] == ["integer", "text", "time", "boolean", "number", "time"]
    assert [one.nulls for one in table.columns] == [0, 2, 1, 1, 0, 1]
    assert (column(table, "v").nans, column(table, "v").infinities) == (1, 1)
    assert column(table, "name").first == "x\ny"


def test_csv_and_parquet_of_the_same_rows_agree(tmp_path: Path):
    table = all_types().select(["whole", "category", "unique", "flag", "gaps", "time"])
    arrow_csv.write_csv(table, tmp_path / "a.csv")
    found = profile_table(tmp_path / "a.csv", "a.csv").table
    typed = profiled(tmp_path / "a.parquet", table)
    assert found is not None
    for one, other in zip(found.columns, typed.columns, strict=True):
        assert (one.type, one.count, one.nulls, one.distinct, one.counts, one.numbers, one.true) == (
            (other.type, other.count, other.nulls, other.distinct, other.counts, other.numbers, other.true)
        )
    assert found.parts == typed.parts


def test_a_tsv_file_has_tabs(tmp_path: Path):
    table = profiled(tmp_path / "a.tsv", b"a\tb\n1,2\tx\n")
    assert [(one.name, one.type) for one in table.columns] == [("a", ColumnType.TEXT), ("b", ColumnType.TEXT)]


def test_json_lines_may_miss_keys_and_mix_types(tmp_path: Path):
    table = profiled(
        tmp_path / "a.jsonl", b'{"a":1,"b":[1,2],"c":"x"}\n\n{"a":"q","c":null}\n{"a":2.5,"d":{"x":1},"b":[3]}\n'
    )
    assert table.rows == 3
    assert {one.name: (one.type.value, one.nulls) for one in table.columns} == {
        "a": ("text", 0),
        "b": ("nested", 1),
        "c": ("text", 2),
        "d": ("nested", 2),
    }


def test_private_columns_keep_no_value(tmp_path: Path):
    private = frozenset({"whole", "unique", "category", "time", "flag"})
    table = profiled(tmp_path / "a.parquet", all_types(), private=private)
    for name in private:
        one = column(table, name)
        assert one.private
        assert (one.numbers, one.first, one.last, one.counts) == (None, None, None, None)
        assert one.distinct[:1] == b"H"
        assert all(not part.columns[name].quantiles and not part.columns[name].counts for part in table.parts)
    encoded = encode(profile_table(tmp_path / "a.parquet", "a.parquet", ProfileSettings(private)))
    assert b"user-" not in encoded
    assert b"2024-01-01T" not in encoded


def test_two_processes_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sharing_columns, "WORK_MIN", 0)
    pq.write_table(all_types(), tmp_path / "a.parquet", row_group_size=700)
    alone, shared = (profile_table(tmp_path / "a.parquet", "a.parquet", processes=count) for count in (1, 2))
    assert encode(alone) == encode(shared)


def test_columns_that_are_read_in_turns_are_those_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pq.write_table(all_types(), tmp_path / "a.parquet", row_group_size=700)
    at_once = profile_table(tmp_path / "a.parquet", "a.parquet")
    monkeypatch.setattr(sharing_columns, "COLUMNS_MAX", 5)
    assert encode(profile_table(tmp_path / "a.parquet", "a.parquet")) == encode(at_once)


def test_only_suffixes_of_tables_have_profiles(tmp_path: Path):
    assert is_table_file("A.CSV.gz")
    assert not is_table_file("a.parquet.gz")
    (tmp_path / "a.txt").write_bytes(b"")
    with pytest.raises(UsageError, match="not a table"):
        profile_table(tmp_path / "a.txt", "a.txt")


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".jsonl", ".parquet", ".arrow", ".arrows"])
def test_a_file_may_have_a_name_that_is_not_utf_8(tmp_path: Path, suffix: str) -> None:
    table = pa.table({"a": range(5)})
    plain = tmp_path / f"plain{suffix}"
    match suffix:
        case ".parquet":
            pq.write_table(table, plain)
        case ".arrow" | ".arrows":
            write = pa.ipc.new_file if suffix == ".arrow" else pa.ipc.new_stream
            with write(str(plain), table.schema) as writer:
                writer.write_table(table)
        case ".jsonl":
            plain.write_text("".join(f'{{"a": {at}}}\n' for at in range(5)))
        case _:
            content = b"a\n" + b"".join(b"%d\n" % at for at in range(5))
            plain.write_bytes(gzip.compress(content) if suffix == ".csv.gz" else content)
    expected = profile_table(plain, plain.name)
    odd = plain.rename(tmp_path / os.fsdecode(b"\xff" + suffix.encode()))
    assert profile_table(odd, odd.name) == expected
