"""Merging two directories of 100,000 files that differ in 100 files each: time, memory, and trees that are read.

    python bench/merge.py FOLDER [--files N] [--folders N] [--changes N]

FOLDER is where the store is made, and deleted after. Each merge runs in a process of its own, and is measured from
trees in the store to the merged trees in the store.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, Leaf
from dver.store.objects.database import Database
from dver.store.store import Store
from dver.store.trees.edit import directory_entry
from dver.store.trees.merge import merge
from dver.store.writer import StoreWriter

Change = tuple[int, int]
"""Which file of which folder."""


def open_store(root: Path) -> Store:
    return Store(root / "store", Database(root / "index.db"))


def make(writer: StoreWriter, files: int, folders: int, changed: Iterable[Change], side: str) -> Entry:
    """A directory with `files` files in `folders` folders, of which `side` has `changed` some."""
    changes = set(changed)
    entries = []
    for folder in range(folders):
        found = []
        for file in range(files // folders):
            text = f"{folder} {file} {side if (folder, file) in changes else ''}".encode()
            found.append(Entry(b"f%06d" % file, Kind.FILE, Oid.of(text), len(text)))
        entries.append(directory_entry(b"d%05d" % folder, found, writer.add_tree))
    return directory_entry(b"data", entries, writer.add_tree)


def spread(files: int, folders: int, changes: int, first: int) -> list[Change]:
    """`changes` files, over as many folders as there are, from the file `first` of each on."""
    return [(number % folders, (first + number // folders) % (files // folders)) for number in range(changes)]


def measure(root: Path, three: Sequence[Entry]) -> tuple[float, int, int, int]:
    """Seconds, bytes of memory, trees read and trees written."""
    store = open_store(root)
    read: list[Oid] = []
    shards: dict[Oid, Leaf] = {}

    def reading(oid: Oid) -> Sequence[Entry]:
        read.append(oid)
        return store.tree(oid, shards)

    start = time.perf_counter()
    new: dict[Oid, bytes] = {}
    merged = merge(*three, read=reading, emit=new.__setitem__)
    with StoreWriter(store) as writer:
        for oid in writer.missing(new):
            writer.add_tree(oid, new[oid])
    seconds = time.perf_counter() - start
    assert merged.entry is not None
    assert merged.entry.files == three[1].files
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, len(read), len(new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folders", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--changes", type=int, default=100)
    options = parser.parse_args()
    print("| files | folders | changed on each side | s | MB | trees read | trees written |")
    print("|---|---|---|---|---|---|---|")
    for folders in options.folders:
        root = options.folder / f"merge-{folders}"
        ours = spread(options.files, folders, options.changes, 0)
        theirs = spread(options.files, folders, options.changes, options.files // folders // 2)
        with StoreWriter(open_store(root)) as writer:
            sides = (([], ""), (ours, "ours"), (theirs, "theirs"))
            three = [make(writer, options.files, folders, changed, side) for changed, side in sides]
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, memory, read, written = pool.apply(measure, (root, three))
        row = f"{options.files:,} | {folders:,} | {options.changes} | {seconds:.2f} | {memory / 1e6:.0f}"
        print(f"| {row} | {read} | {written} |")
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
