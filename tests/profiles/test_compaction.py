"""Profiles of small files: small, and still right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import zstandard

from dver.formats.profile import CollectionProfile, decode, encode
from dver.profiles.merging import merge
from dver.profiles.sketches.distinct import Distinct
from dver.profiles.sketches.quantiles import Quantiles
from dver.profiles.tables import profile_table

KINDS = ("number", "price", "code", "time", "color", "name")


def table_of(rows: int, columns: int, seed: int = 0) -> pa.Table:
    random = np.random.default_rng(seed)
    makers = {
        "number": lambda: random.normal(5, 2, rows),
        "price": lambda: np.round(random.lognormal(3, 1, rows), 2),
        "code": lambda: random.integers(0, 1000, rows),
        "time": lambda: pa.array(1_700_000_000_000_000 + random.integers(0, 10**12, rows), pa.timestamp("us")),
        "color": lambda: random.choice(["red", "green", "blue"], rows),
        "name": lambda: [f"{one:016x}" for one in random.integers(0, 2**63, rows).tolist()],
    }
    kinds = [KINDS[at % len(KINDS)] for at in range(columns)]
    return pa.table({f"{kind}{at}": makers[kind]() for at, kind in enumerate(kinds)})


def profiled(path: Path, table: pa.Table) -> CollectionProfile:
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    found = profile_table(path, path.name)
    assert encode(decode(encode(found))) == encode(found)
    assert found.table is not None
    return found.table


def quantiles_of(table: CollectionProfile, name: str) -> Quantiles:
    column = table.column(name)
    assert column is not None
    assert column.numbers is not None
    return Quantiles.of(column.numbers.quantiles)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_the_profile_of_a_file_is_a_small_part_of_it(name: str, tmp_path: Path):
    profiled(tmp_path / name, table_of(1000, 100))
    profile = encode(profile_table(tmp_path / name, name))
    assert len(zstandard.compress(profile, 3)) < 0.1 * (tmp_path / name).stat().st_size


def test_a_small_table_is_known_exactly(tmp_path: Path):
    table = table_of(300, 10)
    found = profiled(tmp_path / "a.parquet", table)
    for name in ("number0", "price1", "code2", "number6"):
        sketch = quantiles_of(found, name)
        assert sketch.exact, name
        assert sketch.weighted_values()[0].tolist() == sorted(table[name].to_pylist())


def test_ranks_of_a_compact_profile_are_within_the_error_that_it_states(tmp_path: Path):
    table = table_of(1000, 100)
    found = profiled(tmp_path / "a.parquet", table)
    for name in ("number0", "price1", "number48"):
        sketch, values = quantiles_of(found, name), np.sort(table[name].to_numpy())
        assert not sketch.exact
        probes = values[::10]
        ranks = np.searchsorted(values, probes, side="right") / len(values)
        assert np.abs(sketch.ranks(probes) - ranks).max() <= 1.3 * sketch.rank_error
        assert sketch.quantiles([0, 1]).tolist() == [values[0], values[-1]]


def test_errors_of_many_compact_profiles_average_out(tmp_path: Path):
    tables = [table_of(1000, 60, seed) for seed in range(40)]
    profiles = []
    for table in tables:
        profiled(tmp_path / "a.parquet", table)
        profiles.append(profile_table(tmp_path / "a.parquet", "a.parquet"))
    merged = merge(profiles).table
    assert merged is not None
    for name in ("number0", "price1", "code2"):
        values = np.sort(np.concatenate([table[name].to_numpy() for table in tables]))
        probes = values[:: len(values) // 100]
        ranks = np.searchsorted(values, probes, side="right") / len(values)
        assert np.abs(quantiles_of(merged, name).ranks(probes) - ranks).max() < 0.012, name
    name = merged.column("name5")
    assert name is not None
    sketch = Distinct.of(name.distinct)
    assert abs(sketch.estimate() / 40_000 - 1) < 4 * sketch.relative_error


def test_values_that_repeat_are_not_rounded(tmp_path: Path):
    random = np.random.default_rng(1)
    values = {f"n{at}": np.where(random.random(1000) < 0.5, 0.1, random.standard_normal(1000)) for at in range(100)}
    found = profiled(tmp_path / "a.parquet", pa.table(values))
    for name, column in values.items():
        kept, weights = quantiles_of(found, name).weighted_values()
        assert weights[kept == 0.1].sum() / 1000 == pytest.approx((column == 0.1).mean(), abs=0.1)


def test_few_categories_keep_their_counts(tmp_path: Path):
    table = table_of(1000, 100)
    column = profiled(tmp_path / "a.parquet", table).column("color4")
    assert column is not None
    assert column.counts is not None
    assert column.counts.complete
    counted = {one["values"]: one["counts"] for one in table["color4"].value_counts().to_pylist()}
    assert dict(column.counts.values) == counted
