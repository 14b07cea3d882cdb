"""What storing by a sample costs in bytes and time, beside compressing every frame: docs/decisions/compression.md.

python bench/compression.py FOLDER [FILE…]    the kinds made here, and files of your own (a library, some pictures)
    --against CHECKOUT                        beside another version of dver

`ideal` is zstd -3 for every frame where it saves 10 %. Times are those of storing: cutting, hashing, compressing,
writing and syncing. Best of five, in turns, in one run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import contents

from dver.core.files import read_pieces
from dver.store.objects import codec
from dver.store.objects.database import Database
from dver.store.store import Store
from dver.store.writer import StoreWriter

SIZE = 24 << 20
ALLOWED_BYTES = 1.05
ROUNDS = 5


class Ideal(codec.Encoder):
    """Compresses everything."""

    def promises(self, content: bytes) -> bool:
        return True


def lines_of_json(path: Path, size: int) -> None:
    source = random.Random(1)
    words = ["".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=source.randint(2, 10))) for _ in range(5000)]
    with path.open("w") as file:
        while file.tell() < size:
            record = {"score": source.random(), "tags": source.choices(words, k=4), "text": source.choices(words, k=30)}
            file.write(json.dumps(record) + "\n")


def database(path: Path, size: int) -> None:
    source = random.Random(2)
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (id integer primary key, name text, x real, picture blob)")
        rows = ((n, f"name {n % 977}", source.random(), source.randbytes(40)) for n in range(size // 75))
        connection.executemany("insert into t values (?, ?, ?, ?)", rows)
    connection.close()


def halves(path: Path, size: int) -> None:
    """Weights in bfloat16: exponents that repeat, and noise."""
    source = random.Random(3)
    with path.open("wb") as file:
        for _ in range(size // (1 << 16)):
            noise, exponents = source.randbytes(1 << 15), source.choices(b"\x3b\x3c\x3c\x3d\xbc\xbc\xbd", k=1 << 15)
            file.write(bytes(byte for pair in zip(noise, exponents, strict=True) for byte in pair))


KINDS: dict[str, Callable[[Path, int], None]] = {
    "json": lines_of_json,
    "csv": contents.csv,
    "parquet": lambda path, size: contents.parquet(path, size // 40),
    "safetensors": contents.safetensors,
    "bfloat16": halves,
    "sqlite": database,
    "noise": contents.noise,
}


def store(file: Path, folder: Path, encoder: codec.Encoder) -> float:
    """Store `file` in an empty store; the seconds that it took."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    held = Store(folder / "store", Database(folder / "index.db"))
    begun = time.perf_counter()
    with StoreWriter(held) as writer, file.open("rb") as source:
        writer._encoder = encoder
        writer.add_stream(read_pieces(source.fileno()))
    took = time.perf_counter() - begun
    held.close()
    return took


def store_by(checkout: Path, file: Path, folder: Path) -> float:
    """The same in a process of its own, by the dver in `checkout`."""
    command = [sys.executable, __file__, os.fspath(folder), os.fspath(file), "--store-only"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": os.fspath(checkout)}, stdout=subprocess.PIPE)
    done.check_returncode()
    return float(done.stdout)


def stored_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.pack"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--mb", type=int, default=SIZE >> 20)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--store-only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.store_only:
        print(store(options.files[0], options.folder, codec.Encoder()))
        return 0
    work = options.folder / "work"
    work.mkdir(parents=True)
    try:
        for name in options.kinds.split(","):
            KINDS[name](work / name, options.mb << 20)
        files = [*(work / name for name in options.kinds.split(",")), *options.files]
        checkouts = [path.resolve() for path in (options.against, Path(__file__).parents[1]) if path is not None]
        print(f"| Kind | MB | ideal MB |{'| '.join(f' {path.name} |  s ' for path in checkouts)}| times as long |")
        print("|---|---|---|" + "---|---|" * len(checkouts) + "---|")
        return max([compare(file, work / "held", checkouts, options.rounds) for file in files])
    finally:
        shutil.rmtree(work)


def compare(file: Path, held: Path, checkouts: Sequence[Path], rounds: int) -> int:
    """Print a row; 1 if this version stores too many bytes."""
    store(file, held, Ideal())
    ideal = stored_bytes(held)
    times: dict[Path, float] = dict.fromkeys(checkouts, 1e9)
    sizes: dict[Path, int] = {}
    for _ in range(rounds):
        for checkout in checkouts:
            times[checkout] = min(times[checkout], store_by(checkout, file, held))
            sizes[checkout] = stored_bytes(held)
    cells = "".join(f" {sizes[one] / ideal:.3f} | {times[one]:.2f} |" for one in checkouts)
    longer = times[checkouts[-1]] / times[checkouts[0]]
    print(f"| {file.name} | {file.stat().st_size / 1e6:.1f} | {ideal / 1e6:.1f} |{cells} {longer:.2f} |", flush=True)
    return int(sizes[checkouts[-1]] > ALLOWED_BYTES * ideal)


if __name__ == "__main__":
    sys.exit(main())
