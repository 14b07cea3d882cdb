"""False alarms and missed shifts of drift, counted over many resamples: `make drift-alarms`.

    python -m driftalarms [--resamples 500] [--files] [--sizes 300 1000 5000]

With `--files`, each table is written to a Parquet file, and what is compared are the decoded profiles of the files:
those of small files are compacted (docs/decisions/profiles.md).

First, one data set of 20 columns is divided by chance in a reference and live data. Then the data set is the
reference, and live data is drawn from it with replacement. Last, one of 20 normal columns has a shift.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from drifting import table_of

from dver.drift.comparison import compare
from dver.drift.result import DriftResult
from dver.drift.settings import FALSE_ALARMS, DriftSettings
from dver.formats.profile import CollectionProfile, decode, encode
from dver.profiles.tables import profile_table

SIZES = ((300, 300), (1000, 200), (2000, 2000), (5000, 500), (20_000, 20_000))
SHIFTS = ((10_000, 0.1), (10_000, 0.07), (300, 1.0), (300, 0.5))

Profiler = Callable[[dict[str, Any], int], CollectionProfile]
"""Makes the profile of columns. The number of parts is for tables in memory: files have those that they are read in."""


def profile_of_file(directory: Path, columns: dict[str, Any], _parts: int) -> CollectionProfile:
    """The profile of a Parquet file with `columns`, encoded and decoded as in the store."""
    path = directory / "table.parquet"
    pq.write_table(pa.table({name: pa.array(one, from_pandas=True) for name, one in columns.items()}), path)
    return decode(encode(profile_table(path, path.name))).collections[0]


def data_set(rows: int, seed: int = 16) -> dict[str, Any]:
    """Twenty columns of mixed kinds."""
    random = np.random.default_rng(seed)

    def names(count: int, power: float) -> Any:
        shares = 1 / np.arange(1, count + 1) ** power
        return np.array([f"v{index}" for index in range(count)])[random.choice(count, rows, p=shares / shares.sum())]

    def with_nulls(share: float) -> Any:
        return np.where(random.random(rows) < share, np.nan, random.standard_normal(rows))

    return {
        "normal": random.standard_normal(rows),
        "uniform": random.random(rows),
        "exponential": random.exponential(size=rows),
        "lognormal": random.lognormal(0, 2, rows),
        "student": random.standard_t(2, rows),
        "cauchy": random.standard_cauchy(rows),
        "two peaks": random.normal(np.where(random.random(rows) < 0.5, -3, 3), 1),
        "mostly zero": np.where(random.random(rows) < 0.97, 0, random.lognormal(3, 1, rows)),
        "nulls": with_nulls(0.2),
        "few nulls": with_nulls(0.002),
        "counts": random.poisson(3, rows),
        "wide counts": random.negative_binomial(1, 0.01, rows),
        "digits": random.integers(0, 4, rows),
        "boolean": random.random(rows) < 0.3,
        "rarely true": random.random(rows) < 0.005,
        "letters": names(3, 0),
        "tail": names(200, 1.3),
        "long tail": names(3000, 1),
        "time": np.datetime64("2026-01-01", "s") + random.integers(0, 10**7, rows).astype("m8[s]"),
        "constant": np.full(rows, 7),
    }


def divided(
    rows: int, live_rows: int, resamples: int, settings: DriftSettings, profile: Profiler = table_of
) -> Iterator[DriftResult]:
    """One data set, divided by chance."""
    every = data_set(rows + live_rows)
    random = np.random.default_rng(1)
    for _ in range(resamples):
        order = random.permutation(rows + live_rows)
        reference = profile({name: one[order[:rows]] for name, one in every.items()}, 20)
        yield compare(reference, profile({name: one[order[rows:]] for name, one in every.items()}, 1), settings)


def drawn(
    rows: int, live_rows: int, resamples: int, settings: DriftSettings, profile: Profiler = table_of
) -> Iterator[DriftResult]:
    """One data set as the reference, and live data drawn from it with replacement."""
    every = data_set(rows)
    reference = profile(every, 20)
    random = np.random.default_rng(2)
    for _ in range(resamples):
        chosen = random.integers(0, rows, live_rows)
        yield compare(reference, profile({name: one[chosen] for name, one in every.items()}, 1), settings)


def shifted(
    rows: int, shift: float, resamples: int, settings: DriftSettings, profile: Profiler = table_of
) -> Iterator[DriftResult]:
    """Twenty normal columns. The first is shifted by `shift` standard deviations in the live data."""
    random = np.random.default_rng(3)
    for _ in range(resamples):
        pairs = {f"c{index}": random.standard_normal((2, rows)) for index in range(20)}
        pairs["c0"][1] += shift
        reference, live = ({name: one[side] for name, one in pairs.items()} for side in (0, 1))
        yield compare(profile(reference, 20), profile(live, 1), settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--false-alarms", type=float, default=FALSE_ALARMS)
    parser.add_argument("--files", action="store_true", help="compare profiles of Parquet files")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of rows of both sides")
    options = parser.parse_args()
    sizes = tuple((rows, rows) for rows in options.sizes) if options.sizes else SIZES
    with tempfile.TemporaryDirectory() as directory:
        profile = partial(profile_of_file, Path(directory)) if options.files else table_of
        count_alarms(sizes, options.resamples, DriftSettings(options.false_alarms), profile)
        count_found(options.resamples // 5, DriftSettings(options.false_alarms), profile)


def count_alarms(
    sizes: tuple[tuple[int, int], ...], resamples: int, settings: DriftSettings, profile: Profiler
) -> None:
    """Print how often data without drift is an alarm."""
    for design in (divided, drawn):
        for rows, live_rows in sizes:
            columns: Counter[str] = Counter()
            alarms = 0
            for result in design(rows, live_rows, resamples, settings, profile):
                alarms += bool(result.drifted)
                columns.update(one.column for one in result.drifted)
            share = alarms / resamples
            print(f"{design.__name__} {rows} {live_rows}: alarms in {alarms} ({share:.1%}) {dict(columns)}", flush=True)


def count_found(resamples: int, settings: DriftSettings, profile: Profiler) -> None:
    """Print how often a shift is found, and how often columns without one are an alarm."""
    for rows, shift in SHIFTS:
        found = false = 0
        for result in shifted(rows, shift, resamples, settings, profile):
            found += result.columns[0].drifted
            false += any(one.drifted for one in result.columns[1:])
        print(f"shift {shift} at {rows}: found in {found} of {resamples}, false {false}", flush=True)


if __name__ == "__main__":
    main()
