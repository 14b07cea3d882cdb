"""Profiles merged: as one profile of all rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dver.core.errors import CorruptError, UsageError
from dver.formats.profile import ColumnType, Profile, decode, encode
from dver.profiles.merging import merge, redact
from dver.profiles.settings import EVERYTHING, ProfileSettings
from dver.profiles.sketches.distinct import Distinct
from dver.profiles.sketches.quantiles import Quantiles
from dver.profiles.tables import profile_table


def table_of(rows: int, start: int = 0) -> pa.Table:
    random = np.random.default_rng(start)
    return pa.table(
        {
            "id": np.arange(start, start + rows),
            "size": random.normal(10, 2, rows),
            "color": random.choice(["red", "green", "blue"], rows),
            "gap": pa.array([None if at % 5 == 0 else at % 50 for at in range(rows)]),
        }
    )


def profile_of(path: Path, table: pa.Table, settings: ProfileSettings = EVERYTHING) -> Profile:
    pq.write_table(table, path)
    return profile_table(path, path.name, settings)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> list[Profile]:
    """Thirty profiles of 1,000 rows."""
    path = tmp_path_factory.mktemp("pieces") / "a.parquet"
    return [profile_of(path, table_of(1000, 1000 * at)) for at in range(30)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    path = tmp_path_factory.mktemp("whole") / "a.parquet"
    return profile_of(path, pa.concat_tables([table_of(1000, 1000 * at) for at in range(30)]))


@pytest.mark.parametrize("count", [2, 30])
def test_merged_profiles_are_those_of_all_rows(pieces: list[Profile], count: int, tmp_path: Path):
    table = pa.concat_tables([table_of(1000, 1000 * at) for at in range(count)])
    whole = profile_of(tmp_path / "a.parquet", table).table
    merged = decode(encode(merge([decode(encode(one)) for one in pieces[:count]]))).table
    assert merged is not None
    assert whole is not None
    assert (merged.rows, merged.files) == (count * 1000, count)
    for one, other in zip(merged.columns, whole.columns, strict=True):
        assert (one.name, one.type, one.count, one.nulls) == (other.name, other.type, other.count, other.nulls)
        assert one.distinct == other.distinct
        assert one.declared == other.declared
        if one.numbers is not None and other.numbers is not None:
            assert one.numbers.minimum == other.numbers.minimum
            assert one.numbers.mean == pytest.approx(other.numbers.mean)
            assert one.numbers.m2 == pytest.approx(other.numbers.m2)
            ranks = Quantiles.of(one.numbers.quantiles).ranks(
                Quantiles.of(other.numbers.quantiles).quantiles(np.linspace(0.1, 0.9, 9))
            )
            tolerance = 0.03 if one.name != "gap" else 0.05
            assert ranks == pytest.approx(np.linspace(0.1, 0.9, 9), abs=tolerance)
    assert [one.counts for one in merged.columns][2:] == [one.counts for one in whole.columns][2:]


def test_parts_of_many_profiles_follow_their_order(pieces: list[Profile]):
    merged = merge(pieces).table
    assert merged is not None
    assert len(merged.parts) == 20
    assert sum(part.rows for part in merged.parts) == 30_000
    starts = [part.columns["id"].quantiles[0] for part in merged.parts]
    assert starts == sorted(starts)
    assert starts[0] == 0
    assert dict(merged.parts[0].columns["color"].counts).keys() == {"red", "green", "blue"}


def test_parts_of_few_profiles_are_theirs(pieces: list[Profile]):
    merged = merge(pieces[:3]).table
    assert merged is not None
    assert [part.rows for part in merged.parts] == [500] * 6
    assert merged.parts[1].columns["id"].quantiles[:1] == (500.0,)


def test_a_column_that_is_missing_is_null(tmp_path: Path):
    one = profile_of(tmp_path / "a.parquet", pa.table({"a": [1, 2], "b": [1, 2]}))
    other = profile_of(tmp_path / "b.parquet", pa.table({"a": [3], "c": ["x"]}))
    merged = merge([one, other]).table
    assert merged is not None
    assert [(each.name, each.count, each.nulls) for each in merged.columns] == [("a", 3, 0), ("b", 3, 1), ("c", 3, 2)]


def test_types_that_differ_become_text_and_are_counted(tmp_path: Path):
    one = profile_of(tmp_path / "a.parquet", pa.table({"a": [1, 2, 2], "b": [1, 2, 3]}))
    other = profile_of(tmp_path / "b.parquet", pa.table({"a": ["x"], "b": [0.5]}))
    merged = merge([one, other]).table
    assert merged is not None
    mixed, numbers = merged.columns
    assert (mixed.type, mixed.mixed, mixed.declared) == (ColumnType.TEXT, 3, None)
    assert mixed.counts is not None
    assert mixed.counts.values == (("2", 2), ("1", 1), ("x", 1))
    assert (numbers.type, numbers.mixed) == (ColumnType.NUMBER, 0)
    assert Distinct.of(numbers.distinct).estimate() == 4


def test_columns_with_the_same_name_merge_by_their_order(tmp_path: Path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array(["x"])], names=["a", "a"])
    merged = merge([profile_of(tmp_path / "a.parquet", table)] * 2).table
    assert merged is not None
    assert [(one.name, one.type, one.count) for one in merged.columns] == [
        ("a", ColumnType.INTEGER, 2),
        ("a", ColumnType.TEXT, 2),
    ]


def test_redacted_profiles_are_those_of_private_columns(tmp_path: Path):
    private = frozenset({"id", "color"})
    scanned = profile_of(tmp_path / "a.parquet", table_of(1200), ProfileSettings(private))
    redacted = redact(profile_of(tmp_path / "a.parquet", table_of(1200)), private)
    assert encode(redacted) == encode(scanned)
    merged = merge([redacted, profile_of(tmp_path / "b.parquet", table_of(1200))]).table
    assert merged is not None
    one = merged.column("color")
    assert one is not None
    assert (one.private, one.first, one.counts) == (True, None, None)
    assert one.distinct[:1] == b"H"


def test_profiles_of_another_profiler_do_not_merge(pieces: list[Profile]):
    with pytest.raises(UsageError, match="do not merge"):
        merge([pieces[0], Profile(pieces[1].collections, profiler=1)])


def test_damaged_parts_are_refused_when_they_are_read(pieces: list[Profile]):
    content = bytearray(encode(pieces[0]))
    at = content.rindex(b'{"columns"')
    content[at] = 0x20
    found = decode(bytes(content)).table
    assert found is not None
    with pytest.raises(CorruptError):
        len(found.parts)
