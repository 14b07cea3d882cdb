"""Samples of a store, and the files that do not belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dver.core.oid import Oid
from dver.store.objects.database import Database
from dver.store.repair.damage import WINDOW, SampleUnit, list_files, pack_units, sample
from dver.store.store import Store
from dver.store.writer import StoreWriter

UNITS = [SampleUnit(Oid.of(b"%d" % number), -1, 10) for number in range(100)]


def test_a_sample_has_about_the_fraction_of_the_bytes_in_order() -> None:
    chosen = sample(UNITS, 0.25, 1)
    assert len(chosen) == 25
    assert [UNITS.index(one) for one in chosen] == sorted(UNITS.index(one) for one in chosen)


def test_the_same_seed_chooses_the_same_sample() -> None:
    assert sample(UNITS, 0.5, 7) == sample(UNITS, 0.5, 7) != sample(UNITS, 0.5, 8)


def test_a_sample_is_never_empty_and_the_whole_is_everything() -> None:
    assert len(sample(UNITS, 0.000001, 1)) == 1
    assert sample(UNITS, 1, 1) == UNITS
    assert sample([], 0.5, 1) == []


@pytest.mark.parametrize(
    ("size", "windows"), [(0, [0]), (5, [5]), (WINDOW, [WINDOW]), (2 * WINDOW + 1, [WINDOW, WINDOW, 1])]
)
def test_a_pack_is_cut_into_windows(size: int, windows: list[int]) -> None:
    name = Oid.of(b"pack")
    units = list(pack_units([(name, size)]))
    assert [(one.oid, one.window) for one in units] == [(name, number) for number in range(len(windows))]
    assert [one.size for one in units] == windows


def test_the_files_of_a_store_are_told_from_others(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", Database(tmp_path / "index.db"))
    with StoreWriter(store) as writer:
        writer.add_blobs([(Oid.of(b"small"), b"small")])
        writer.add_loose(Oid.of(b"large"), [b"large"])
    (store.root / "notes").write_text("")
    (store.packs / "x.pack").write_text("")
    (store.packs / ".dver-pack-1-000000000000").write_text("")
    (store.loose.root / "zz").write_text("")
    (store.loose.path(Oid.of(b"large")).parent / "short").write_text("")
    packs, loose, others = list_files(store)
    assert len(packs) == 1
    assert loose == [(Oid.of(b"large"), 5)]
    folder = Oid.of(b"large").hex()[:2]
    assert others == sorted([f"loose/{folder}/short", "loose/zz", "notes", "packs/x.pack"])
