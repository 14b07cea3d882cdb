"""What comparing two tables of 1,000 columns costs, beside Evidently on the same data.

    python bench/drift.py DIRECTORY [--rows 5000] [--columns 1000] [--evidently PYTHON]

Writes two Parquet files, profiles them, and compares the profiles as they are in the store: encoded. PYTHON is an
interpreter that has Evidently (`make oracles` makes build/oracles/bin/python); it reads the same files. Prints
seconds and the columns that drifted; every tenth column has a shift.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

EVIDENTLY = """
import json, os, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
reference, live = (pd.read_parquet(path) for path in sys.argv[1:])
begun, cpu = time.perf_counter(), sum(os.times()[:4])
found = Report([DataDriftPreset()]).run(live, reference).dict()
seconds, cpu = time.perf_counter() - begun, sum(os.times()[:4]) - cpu
drifted = [one for one in found["metrics"] if "DriftedColumnsCount" in one["metric_name"]]
print(json.dumps({"seconds": seconds, "cpu": cpu, "drifted": drifted[0]["value"]["count"]}))
"""


def write_tables(directory: Path, rows: int, columns: int) -> list[Path]:
    """The reference and live data: numbers of four kinds and texts."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = [directory / "reference.parquet", directory / "live.parquet"]
    for seed, path in enumerate(paths):
        random = np.random.default_rng(seed)
        found = {f"c{index}": _column(random, index, rows, bool(seed) and index % 10 == 0) for index in range(columns)}
        pq.write_table(pa.table(found), path)
    return paths


def _column(random: Any, index: int, rows: int, shifted: bool) -> Any:
    import numpy as np

    by = 0.5 if shifted else 0.0
    match index // 10 % 5:
        case 0:
            return random.standard_normal(rows) + by
        case 1:
            return random.exponential(size=rows) * (1 + by)
        case 2:
            return random.poisson(20 * (1 + by), rows)
        case 3:
            return random.lognormal(by, 1, rows)
    return np.array([f"v{at}" for at in range(30)])[(random.random(rows) ** (1 + by) * 30).astype(int)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--columns", type=int, default=1000)
    parser.add_argument("--evidently", metavar="PYTHON")
    options = parser.parse_args()

    from dver.drift.comparison import compare
    from dver.formats.profile import decode, encode
    from dver.profiles.tables import profile_table

    paths = write_tables(options.directory, options.rows, options.columns)
    begun = Clock()
    profiles = [encode(profile_table(path, path.name)) for path in paths]
    profiled = begun.passed()
    begun = Clock()
    reference, live = (decode(one).collections[0] for one in profiles)
    found = compare(reference, live)
    compared = begun.passed()
    both = tuple(one + other for one, other in zip(profiled, compared, strict=True))
    print(f"| {options.columns:,} columns, {options.rows:,} rows | seconds | of CPU | columns that drifted |")
    print("|---|---|---|---|")
    print(f"| dver, from encoded profiles | {compared[0]:.2f} | {compared[1]:.2f} | {len(found.drifted)} |")
    print(f"| dver, with profiling both tables | {both[0]:.2f} | {both[1]:.2f} | {len(found.drifted)} |", flush=True)
    if options.evidently:
        command = [options.evidently, "-c", EVIDENTLY, *map(str, paths)]
        theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        print(
            f"| Evidently, data in memory | {theirs['seconds']:.2f} | {theirs['cpu']:.2f} | {theirs['drifted']:.0f} |"
        )


class Clock:
    """Seconds since it was made: by the clock, and of all processors, with those of processes that ended."""

    def __init__(self) -> None:
        self._begun = time.perf_counter(), sum(os.times()[:4])

    def passed(self) -> tuple[float, float]:
        return time.perf_counter() - self._begun[0], sum(os.times()[:4]) - self._begun[1]


if __name__ == "__main__":
    main()
