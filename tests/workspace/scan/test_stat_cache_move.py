"""What the stat cache knows goes along with a directory that is renamed."""

from __future__ import annotations

from pathlib import Path

from dver.core.oid import Oid
from dver.store.objects.database import Database
from dver.workspace.scan.stat_cache import DirectoryRecord, StatCache


def record(content: bytes) -> DirectoryRecord:
    return DirectoryRecord(Oid.of(content), 0, 0, b"", b"leaf")


def test_records_of_a_directory_and_all_below_it_are_renamed(tmp_path: Path) -> None:
    database = Database(tmp_path / "index.db")
    cache = StatCache(database)
    for path in (b"/w/old\xff", b"/w/old\xff/sub", b"/w/old\xff0", b"/w/old\xff-2", b"/w/old"):
        cache.put(path, record(path))
    cache.put(b"/w/new", record(b"stale"))
    cache.move(b"/w/old\xff", b"/w/new")
    assert cache.get(b"/w/new") == record(b"/w/old\xff")
    assert cache.get(b"/w/new/sub") == record(b"/w/old\xff/sub")
    assert cache.get(b"/w/old\xff") is None
    assert cache.get(b"/w/old\xff/sub") is None
    for path in (b"/w/old\xff0", b"/w/old\xff-2", b"/w/old"):
        assert cache.get(path) == record(path)
    database.close()
