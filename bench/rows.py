"""What `dver diff --rows` costs on two large Parquet files, with and without a key.

    python bench/rows.py DIRECTORY [--rows 10000000]

Writes two versions of a table with five columns (a key, two numbers, a text, a time) that differ in one row of a
thousand, and compares them. Prints seconds and the peak of memory of the whole process.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROWS_PER_GROUP = 1_000_000


def write_table(path: Path, rows: int, version: int) -> None:
    """A table whose values depend on the row; in version 2 every thousandth row differs, and as many are new."""
    import duckdb

    shift = rows // 1000 if version == 2 else 0
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            f"COPY (SELECT i AS id, (hash(i) % 1000000)::BIGINT AS amount,"
            f" (hash(i + 7) % 1000)::DOUBLE / 7 + {'(i % 1000 = 0)::INT' if version == 2 else '0'} AS price,"
            f" 'customer ' || (hash(i) % 100000)::VARCHAR AS name,"
            f" TIMESTAMP '2024-01-01' + INTERVAL (i % 86400) SECOND AS at"
            f" FROM range({shift}, {rows + shift}) AS t(i))"
            f" TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE {ROWS_PER_GROUP})"
        )


def run(*args: str, cwd: Path) -> tuple[float, float, str]:
    """Seconds, MB of memory, and the output of `dver ARGS`."""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "dver", *args], cwd=cwd, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stderr)
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    options = parser.parse_args()
    project = options.directory / "rows-bench"
    project.mkdir(parents=True)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dver", "init", "-q"]):
        subprocess.run(command, cwd=project, check=True)
    tables = project / "data"
    tables.mkdir()
    write_table(tables / "sales.parquet", options.rows, 1)
    write_table(tables / "same.parquet", options.rows // 10, 1)
    subprocess.run([sys.executable, "-m", "dver", "add", "-q", "data"], cwd=project, check=True)
    subprocess.run(["git", "-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qam", "1"], cwd=project, check=True)
    write_table(tables / "sales.parquet", options.rows, 2)
    subprocess.run([sys.executable, "-m", "dver", "add", "-q", "data"], cwd=project, check=True)
    size = os.path.getsize(tables / "sales.parquet") / 1e6
    print(f"{options.rows:,} rows, {size:.0f} MB")
    for name, args in (("by key", ("--key", "id")), ("without a key", ())):
        seconds, memory, out = run("diff", "--rows", *args, cwd=project)
        print(f"{name:>14}: {seconds:6.1f} s  {memory:6.0f} MB  {out.splitlines()[0]}")


if __name__ == "__main__":
    main()
