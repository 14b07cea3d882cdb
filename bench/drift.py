"""What comparing two tables of 1,000 columns costs, beside Evidently on the same data.

    python bench/drift.py DIRECTORY [--rows 5000] [--columns 1000] [--evidently PYTHON]

Writes two Parquet files, profiles them, and compares the profiles as they are in the store: encoded. PYTHON is an
interpreter that has Evidently (`make oracles` makes build/oracles/bin/python); it reads the same files. Prints
seconds and the columns that drifted; every tenth column has a shift.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import Any

EVIDENTLY = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
reference, live = (pd.read_parquet(path) for path in sys.argv[1:])
begun = time.perf_counter()
found = Report([DataDriftPreset()]).run(live, reference).dict()
seconds = time.perf_counter() - begun
drifted = [one for one in found["metrics"] if "DriftedColumnsCount" in one["metric_name"]]
print(json.dumps({"seconds": seconds, "drifted": drifted[0]["value"]["count"]}))
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
    begun = time.perf_counter()
    profiles = [encode(profile_table(path, path.name)) for path in paths]
    profiled = time.perf_counter() - begun
    begun = time.perf_counter()
    reference, live = (decode(one).collections[0] for one in profiles)
    decoded = time.perf_counter() - begun
    found = compare(reference, live)
    compared = time.perf_counter() - begun
    print(f"| {options.columns:,} columns, {options.rows:,} rows | seconds | columns that drifted |")
    print("|---|---|---|")
    print(f"| dver, from profiles ({decoded:.2f} s of it decoding) | {compared:.2f} | {len(found.drifted)} |")
    print(f"| dver, with profiling both tables | {profiled + compared:.2f} | {len(found.drifted)} |")
    if options.evidently:
        command = [options.evidently, "-c", EVIDENTLY, *map(str, paths)]
        theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        print(f"| Evidently, data in memory | {theirs['seconds']:.2f} | {theirs['drifted']:.0f} |")


if __name__ == "__main__":
    main()
