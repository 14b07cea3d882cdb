"""Every example of docs/filesystem.md runs with the real libraries and prints what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import git
from workspaces import Project

from dver.ops.share.pull import pull
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote

PAGE = Path(__file__).parents[2] / "docs/filesystem.md"
EXAMPLE = re.compile(r"^```python\n(?P<code>.*?)^```\n```text\n(?P<output>.*?)^```\n", re.MULTILINE | re.DOTALL)
EXAMPLES = [(found["code"], found["output"]) for found in EXAMPLE.finditer(PAGE.read_text())]
URL = "https://example.org/team/data.git"

DATASET = """
import numpy as np, pandas as pd, xarray as xr, zarr
days = pd.date_range("2023-01-01", "2024-12-31")
rows = np.arange(len(days))
sales = pd.DataFrame({"day": days, "shop": rows % 3, "amount": rows * 1.5})
sales.to_csv("data/sales.csv", index=False)
sales.to_parquet("data/sales.parquet", index=False)
for year, part in sales.groupby(sales["day"].dt.year):
    part.to_parquet(f"data/years/{year}.parquet", index=False)
temperature = ("time", "station"), np.arange(len(days) * 4, dtype="f8").reshape(-1, 4)
coordinates = {"time": days.values, "station": list("abcd")}
climate = xr.Dataset({"temperature": temperature}, coords=coordinates)
climate.to_zarr("data/climate.zarr", consolidated=False)
"""


def python(code: str, cwd: Path) -> str:
    """What `code` prints in a process of its own: libraries that deadlock are killed."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    if "processes" in code:  # workers import the module again
        (cwd / "example.py").write_text(code)
        command[3:] = ["example.py"]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project of the page at the tag v1.0. Its data is on the remote only."""
    project = Project.make(tmp_path_factory.mktemp("page") / "project")
    (project.root / "data/years").mkdir(parents=True)
    python(DATASET, project.root)
    (project.root / "model.txt").write_text("a model\n")
    (project.root / "dver.yaml").write_text("artifacts:\n  churn: {path: model.txt}\n  years: {path: data/years}\n")
    with project.opened() as repo:
        add_remote(repo, "origin", os.fspath(project.root.parent / "remote"), default=True)
        project.add("data")
        push(repo, cwd=project.root)
    git("add", "-A", cwd=project.root)
    git("commit", "-qm", "Data", cwd=project.root)
    git("tag", "v1.0", cwd=project.root)
    git("tag", "-am", "text", "churn@v1.0.0", cwd=project.root)
    git("tag", "-am", "text", "churn#prod#1", cwd=project.root)
    git("tag", "-am", "text", "years@v1.0.0", cwd=project.root)
    shutil.rmtree(project.root / ".git/dver/store")
    shutil.rmtree(project.root / "data")
    return project


def test_the_page_has_an_example_for_each_library() -> None:
    codes = "".join(code for code, _ in EXAMPLES)
    for library in ("pandas", "polars", "duckdb", "dask.dataframe", "pyarrow.dataset", "xarray", "fsspec"):
        assert f"import {library}" in codes
    assert PAGE.read_text().count("```python\n") == len(EXAMPLES)


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_an_example_prints_what_the_page_says(project: Project, code: str, output: str) -> None:
    assert python(code.replace(URL, f"file://{project.root}"), project.root) == output


def test_duckdb_reads_two_versions_in_two_connections(project: Project) -> None:
    """DuckDB keeps contents in memory by name and time."""
    code = """
import duckdb, fsspec, pathlib, subprocess, sys
def total(rev):
    con = duckdb.connect()
    con.register_filesystem(fsspec.filesystem("dver", rev=rev))
    return con.sql("SELECT sum(amount) FROM 'dver://data/sales.parquet'").fetchall()[0]
print(total("v1.0"), total("v2"), total("v1.0"))
"""
    change = 'import pandas as pd; pd.DataFrame({"amount": [1.5]}).to_parquet("data/sales.parquet")'
    with project.opened() as repo:
        pull(repo, cwd=project.root)
    python(change, project.root)
    project.save("data")
    git("tag", "v2", cwd=project.root)
    assert python(code, project.root) == "(400222.5,) (1.5,) (400222.5,)\n"


def test_duckdb_never_waits_for_itself(project: Project) -> None:
    """Threads of DuckDB call Python while others hold the interpreter: github.com/duckdb/duckdb/issues/16501."""
    code = """
import duckdb, fsspec
con = duckdb.connect(config={"threads": 4})
con.register_filesystem(fsspec.filesystem("dver", rev="v1.0"))
files = ["dver://data/years/2023.parquet", "dver://data/years/2024.parquet"] * 10
for _ in range(20):
    query = f"SELECT sum(amount) FROM read_parquet({files}, union_by_name = true)"
    assert con.sql(query).fetchall() == con.execute(query).fetchall() == [(4002225.0,)]
"""
    assert python(code, project.root) == ""


def test_pyarrow_may_release_files_while_the_process_ends(project: Project) -> None:
    """Its threads do so after a read has returned; Python would abort if they did it while it shuts down."""
    code = """
import atexit, fsspec, threading, time
fs = fsspec.filesystem("dver", rev="v1.0")
held = [fs.open("data/sales.csv")]
ending = threading.Event()
def release():
    ending.wait()
    held.clear()
    print("released")
threading.Thread(target=release, daemon=True).start()
atexit.register(ending.set)  # runs before the handler of dver
"""
    assert python(code, project.root) == "released\n"
