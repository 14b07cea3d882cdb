"""The cache of records: a list of many is kept in a form that is quick to read, and checked before it is read."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest
from experimenting import experiment

from dver.experiments.record_cache import RecordCache
from dver.formats.experiment import Experiment
from dver.git.git_repo import CommitId

ENTRY = CommitId("c" * 40)
MANY = [
    experiment(number, params={"p": {"nan": math.inf, "big": 10**40, "ü": [1, None, True]}}, set=("a=1",))
    for number in range(400)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "records.db"
    cache = RecordCache(path)
    put(cache, MANY, "one")
    cache.close()
    return path


def put(cache: RecordCache, records: list[Experiment], tip: str) -> None:
    with cache.writing():
        cache.put("writer", ENTRY, records)
        cache.set_tips({"ref": CommitId(tip)})


def listed(path: Path) -> list[Experiment]:
    cache = RecordCache(path)
    try:
        return cache.all()
    finally:
        cache.close()


def listings(path: Path, statement: str = "SELECT length(content) FROM listing") -> list[tuple[int]]:
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_a_kept_list_has_the_same_records(path: Path) -> None:
    assert listed(path) == MANY
    assert len(listings(path)) == 1
    assert listed(path) == MANY


def test_a_new_record_makes_a_kept_list_out_of_date(path: Path) -> None:
    listed(path)
    cache = RecordCache(path)
    more = experiment(1000)
    put(cache, [more], "two")
    assert cache.all() == [*MANY, more]
    cache.close()
    assert listed(path) == [*MANY, more]
    assert len(listings(path)) == 1


def test_a_corrupt_list_is_not_read(path: Path) -> None:
    listed(path)
    listings(path, "UPDATE listing SET content = CAST(x'ff' || substr(content, 2) AS BLOB)")
    assert listed(path) == MANY


def test_a_list_is_not_kept_while_another_process_writes(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert listed(path) == MANY
    other.execute("ROLLBACK")
    assert other.execute("SELECT count(*) FROM listing").fetchone() == (0,)
    other.close()


def test_few_records_are_not_worth_a_list(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    cache = RecordCache(path)
    put(cache, MANY[:3], "one")
    assert cache.all() == MANY[:3]
    cache.close()
    assert listings(path) == []


def test_a_field_of_a_later_version_is_ignored(path: Path) -> None:
    change = """replace(record, '{"baseline"', '{"later":1,"baseline"')"""
    listings(path, f"UPDATE records SET record = CAST({change} AS BLOB)")
    assert listed(path) == MANY
