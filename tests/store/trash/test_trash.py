"""The trash: batches are listed, restored and deleted, and a guard notices a gc."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dver.core.errors import ConflictError
from dver.core.oid import Oid
from dver.formats.pack import ObjectKind
from dver.store.objects.database import Database
from dver.store.store import Store
from dver.store.trash import trash
from dver.store.trash.batch import open_batch
from dver.store.trash.guard import GcGuard, restore_needed
from dver.store.writer import StoreWriter

SMALL, LARGE = b"small", b"large"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store", Database(tmp_path / "index.db"))
    with StoreWriter(made) as writer:
        writer.add_blobs([(Oid.of(SMALL), SMALL)])
        writer.add_loose(Oid.of(LARGE), [LARGE])
    yield made
    made.close()


def both(store: Store) -> set[Oid]:
    return store.present([Oid.of(SMALL), Oid.of(LARGE)])


def throw_away(store: Store) -> trash.Batch:
    """Move everything to the trash."""
    (found,) = store.locate([Oid.of(SMALL)])
    with open_batch(store) as batch:
        assert batch.add_pack(store.index.pack_name(found.pack))
        assert batch.add_loose(Oid.of(LARGE))
        assert not batch.add_loose(Oid.of(b"never stored"))
        batch.sync()
    (made,) = trash.batches(store.trash)
    return made


def test_a_batch_has_what_was_moved_and_is_restored_as_a_whole(store: Store) -> None:
    batch = throw_away(store)
    assert both(store) == set()
    assert batch.finished
    assert abs(batch.made - time.time()) < 60
    assert list(batch.loose.all()) == [Oid.of(LARGE)]
    assert [row.oid for name in batch.pack_names() for row in batch.pack_rows(name)] == [Oid.of(SMALL)]
    assert batch.size() > len(SMALL + LARGE)
    assert trash.last_gc(store.trash) == batch.name.encode()
    assert trash.restore(store, batch) == []
    assert both(store) == {Oid.of(SMALL), Oid.of(LARGE)}
    assert trash.batches(store.trash) == []


def test_a_deleted_batch_is_gone(store: Store) -> None:
    batch = throw_away(store)
    size = batch.size()
    assert trash.delete(store, batch) == size
    assert trash.delete(store, batch) == 0
    assert trash.batches(store.trash) == []
    assert both(store) == set()


def test_only_what_is_needed_is_restored_and_the_rest_is_named(store: Store) -> None:
    throw_away(store)
    lost = Oid.of(b"never stored")
    needed = [(Oid.of(LARGE), ObjectKind.BLOB), (lost, ObjectKind.BLOB)]
    assert restore_needed(store, needed) == {lost}
    assert both(store) == {Oid.of(LARGE)}


def test_a_batch_is_unfinished_while_it_is_filled_and_its_objects_are_found(store: Store) -> None:
    assert not trash.has_unfinished(store.trash)
    with open_batch(store) as batch:
        assert trash.has_unfinished(store.trash)
        batch.add_loose(Oid.of(LARGE))
        batch.sync()
        assert store.read(Oid.of(LARGE)) == LARGE
        with pytest.raises(ConflictError, match="another gc is running"), open_batch(store):
            pass
    assert not trash.has_unfinished(store.trash)
    assert trash.batches(store.trash) == []  # it was empty at the end


def test_a_guard_restores_after_a_gc_and_asks_for_nothing_without_one(store: Store) -> None:
    guard = GcGuard(store)
    lost = (Oid.of(b"never stored"), ObjectKind.BLOB)
    assert guard.recheck([lost]) == set()
    throw_away(store)
    assert guard.recheck([(Oid.of(SMALL), ObjectKind.BLOB)]) == set()
    assert both(store) == {Oid.of(SMALL)}
    assert guard.recheck([lost]) == {lost[0]}


def test_names_that_are_no_batches_are_ignored(store: Store) -> None:
    batch = throw_away(store)
    for name in ("notes", "20260131T235959Z", "20269931T235959Z-1a2b3c4d"):
        (store.trash / name).mkdir()
    assert trash.batches(store.trash) == [batch]


def test_a_stray_file_beside_loose_blobs_is_no_error(store: Store) -> None:
    (store.loose.root / "zz").write_bytes(b"")
    assert list(store.loose.all()) == [Oid.of(LARGE)]
