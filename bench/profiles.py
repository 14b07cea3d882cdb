"""Profiles beside those of whylogs and Evidently: time and memory, and merges.

`python bench/profiles.py DIRECTORY [--sizes | --merge] [--gb 1 2] [--whylogs PYTHON] [--evidently PYTHON]`. Each
library has a Python of its own (`pip install whylogs==1.6.4 pyarrow==17.0.0 "numpy<2"`,
`pip install evidently==0.7.23 pyarrow "pandas<3"`).

The data: rows of 14 columns (doubles, rounded prices, integers, texts that repeat, unique texts, timestamps, booleans,
gaps) in Parquet with Snappy. whylogs reads them batch by batch; Evidently has them in memory, so both get a part
(`--part`, in GB), which dver gets too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from measure import Sample, timed
from tables import aligned

_ROWS = 1_000_000
_DVER = """
import sys
from pathlib import Path
from dver.formats.profile import encode
from dver.profiles.tables import profile_table
encode(profile_table(Path(sys.argv[1]), sys.argv[1]))
"""
_WHYLOGS = """
import sys
import pyarrow.parquet as pq
import whylogs
from whylogs.core import DatasetProfile
profile = DatasetProfile()
for batch in pq.ParquetFile(sys.argv[1]).iter_batches(100_000):
    profile.track(batch.to_pandas())
profile.view().serialize()
"""
_EVIDENTLY = """
import sys
import pandas
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataSummaryPreset
data = Dataset.from_pandas(pandas.read_parquet(sys.argv[1]), data_definition=DataDefinition())
Report([DataSummaryPreset()]).run(data, None).json()
"""
_MERGE = """
import sys
from pathlib import Path
from dver.core.garbage_collector import collector_paused
from dver.core.oid import Oid
from dver.formats.profile import Profile, decode, encode
from dver.profile_cache.table_profiles import blocks_of
from dver.profiles.merging import merge, merge_as_one_part, merge_collections
contents = [path.read_bytes() for path in sorted(Path(sys.argv[1]).iterdir())]
contents *= 1000 // len(contents)
with collector_paused():  # as dver.profile_cache does
    if sys.argv[2] == "at once":
        encode(merge([decode(content) for content in contents]))
    else:
        merged = []
        files = [(b"%d" % at, Oid.of(b"%d" % at).hex().encode()) for at in range(len(contents))]
        for block in blocks_of(files):
            merged.append(merge_as_one_part([decode(contents[int(at)]).collections[0] for at, _ in block]))
            encode(Profile((merged[-1],)))
        encode(Profile((merge_collections(merged),)))
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--gb", type=float, nargs="+", default=[1.0, 2.0])
    parser.add_argument("--part", type=float, default=0.2)
    parser.add_argument("--whylogs")
    parser.add_argument("--evidently")
    parser.add_argument("--write", type=float, metavar="GB", help="only write this much data to a file")
    parser.add_argument("--merge", action="store_true", help="only merge profiles")
    parser.add_argument("--write-profiles", type=int, metavar="ROWS", help="only write profiles to merge")
    parser.add_argument("--sizes", action="store_true", help="only print the sizes of profiles of small files")
    options = parser.parse_args()
    if options.write:
        write(options.directory, options.write)
        return 0
    if options.write_profiles:
        write_profiles(options.directory, options.write_profiles)
        return 0
    options.directory.mkdir(parents=True, exist_ok=True)
    if options.merge:
        merged(options.directory)
        return 0
    if options.sizes:
        sizes(options.directory)
        return 0
    rows = [("What", "Data", "Seconds", "CPU seconds", "Memory", "MB a second")]
    part = written(options.directory / "part.parquet", options.part)
    files = [written(options.directory / f"{gb:g}.parquet", gb) for gb in options.gb]
    rows += [row("dver", *measured(sys.executable, _DVER, file)) for file in files]
    rows.append(row("dver", *measured(sys.executable, _DVER, part)))
    for name, python, program in (("whylogs", options.whylogs, _WHYLOGS), ("Evidently", options.evidently, _EVIDENTLY)):
        if python:
            rows.append(row(name, *measured(python, program, part)))
    print("\n".join(aligned(rows)))
    merged(options.directory)
    return 0


def measured(python: str, program: str, path: Path) -> tuple[Path, Sample]:
    return path, timed([python, "-W", "ignore", "-c", program, str(path)], path.parent, dict(os.environ))


def row(name: str, path: Path, one: Sample) -> tuple[str, ...]:
    size = path.stat().st_size
    return (
        name,
        f"{size / 1e9:.2f} GB",
        f"{one.wall:.1f}",
        f"{one.cpu:.1f}",
        f"{one.peak_mb:.0f} MB",
        f"{size / 1e6 / one.wall:.1f}",
    )


def written(path: Path, gb: float) -> Path:
    """A Parquet file of about `gb` GB, unless it is there. Another process writes it.

    The kernel counts the largest memory of this process as that of the programs that it starts.
    """
    if not path.exists():
        subprocess.run([sys.executable, __file__, str(path), "--write", str(gb)], check=True)
    return path


def write(path: Path, gb: float) -> None:
    import pyarrow.parquet as pq

    at, writer = 0, None
    while writer is None or path.stat().st_size < gb * 1e9:
        table = some_rows(at, _ROWS)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="snappy")
        writer.write_table(table, row_group_size=_ROWS)
        at += 1
    writer.close()


def some_rows(seed: int, count: int):
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(seed)
    colors = np.array(["red", "green", "blue", "black", "white", "orange", "violet", "brown"])
    cities = pa.array([f"city number {at}" for at in range(500)])
    start = 1_700_000_000_000_000 + seed * count * 1_000_000
    return pa.table(
        {
            **{f"double{at}": random.standard_normal(count) * (at + 1) for at in range(4)},
            "price": np.round(random.lognormal(3, 1, count), 2),
            "id": np.arange(seed * count, (seed + 1) * count),
            "count": random.poisson(5, count),
            "code": random.integers(0, 1000, count).astype("i4"),
            "color": colors[random.choice(8, count, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.03, 0.02])],
            "city": cities.take(pa.array(random.integers(0, 500, count))),
            "user": pa.array([f"{one:016x}" for one in random.integers(0, 2**63, count).tolist()]),
            "time": pa.array(start + np.cumsum(random.integers(0, 2_000_000, count)), pa.timestamp("us")),
            "flag": random.random(count) < 0.3,
            "gaps": pa.array(random.standard_normal(count), mask=random.random(count) < 0.1),
        }
    )


def sizes(directory: Path) -> None:
    """Print the size of a profile in the store (zstd) beside its file, for several shapes."""
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as pq
    import zstandard

    from dver.formats.profile import encode
    from dver.profiles.tables import profile_table

    lines = [("File", "Columns", "Rows", "File, bytes", "Profile, bytes", "Share")]
    for suffix, write_table in (("parquet", pq.write_table), ("csv", csv.write_csv)):
        for columns in (5, 20, 100):
            for rows in (100, 1000, 10_000):
                some = [some_rows(seed, rows) for seed in range(-(-columns // 14))]
                arrays = [array for table in some for array in table.columns][:columns]
                path = directory / f"shape.{suffix}"
                write_table(pa.table(dict(zip(map("column{}".format, range(columns)), arrays, strict=True))), path)
                size, profile = path.stat().st_size, encode(profile_table(path, path.name))
                kept = len(zstandard.compress(profile, 3))
                lines.append((suffix, f"{columns}", f"{rows:,}", f"{size:,}", f"{kept:,}", f"{kept / size:.1%}"))
    print("\n".join(aligned(lines)))


def merged(directory: Path) -> None:
    """Decode and merge 1,000 profiles of 100 columns: of large files, and of small ones, which count most values."""
    lines = [("Rows of each file", "Merged", "CPU seconds", "Seconds", "Memory")]
    for rows in (20_000, 1_000):
        subprocess.run([sys.executable, __file__, str(directory), "--write-profiles", str(rows)], check=True)
        for way in ("at once", "in blocks"):
            command = [sys.executable, "-c", _MERGE, str(directory / f"profiles-{rows}"), way]
            sample = timed(command, directory, dict(os.environ))
            lines.append((f"{rows:,}", way, f"{sample.cpu:.1f}", f"{sample.wall:.1f}", f"{sample.peak_mb:.0f} MB"))
    print("\n1,000 profiles of 100 columns, decoded and merged, with the start of Python:\n")
    print("\n".join(aligned(lines)))


def write_profiles(directory: Path, rows: int) -> None:
    """Profiles of ten different large files, or of a hundred small ones."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dver.formats.profile import encode
    from dver.profiles.tables import profile_table

    profiles = directory / f"profiles-{rows}"
    profiles.mkdir(exist_ok=True)
    for at in range(10 if rows > 1_000 else 100):
        random = np.random.default_rng(at)
        columns: dict[str, object] = {}
        for number in range(100):
            kind = number % 10
            columns[f"c{number}"] = (
                random.standard_normal(rows)
                if kind < 4
                else random.normal(100, 20, rows).round(2)
                if kind < 6
                else random.integers(0, 1000, rows)
                if kind < 7
                else random.choice([f"category {one}" for one in range(50)], rows)
                if kind < 9
                else [f"{one:016x}" for one in random.integers(0, 2**63, rows).tolist()]
            )
        pq.write_table(pa.table(columns), directory / "one.parquet")
        (profiles / f"{at}").write_bytes(encode(profile_table(directory / "one.parquet", "one.parquet")))


if __name__ == "__main__":
    sys.exit(main())
