"""The cost of small requests to big remotes: one file out of ten million, and one more file among a million.

    python bench/big_remote.py FOLDER [--objects 10000000] [--flat 1000000] [--sparse]

Makes the remotes in FOLDER (1.3 GB, minutes), measures each request in a process of its own, deletes them and prints a
table. Exits with 1 if a bar is missed. See `tests/bigremote.py` for what such a remote is made of.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

from bigremote import Counted, make_big_remote, make_flat_remote  # noqa: E402 - they are the tests' own
from datasets import Clone  # noqa: E402
from measure import work_folder  # noqa: E402

from dver.core.oid import Oid  # noqa: E402
from dver.formats.objectref import ObjectRef  # noqa: E402
from dver.formats.pack import ObjectKind  # noqa: E402
from dver.formats.tree import Entry, Kind, write_directory  # noqa: E402
from dver.remote.backends.directory import DirectoryStorage  # noqa: E402
from dver.remote.transfer.fetch import fetch  # noqa: E402
from dver.remote.transfer.fetch_plan import ObjectPath  # noqa: E402
from dver.store.writer import StoreWriter  # noqa: E402

BARS = {
    "one file": {"requests": 15, "received MB": 4, "peak RSS MB": 200},
    "flat directory": {"sent MB": 2},
}


def main() -> int:
    """Measure all; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--objects", type=int, default=10_000_000)
    parser.add_argument("--flat", type=int, default=1_000_000)
    parser.add_argument("--sparse", action="store_true", help="also make a file of holes for each pack")
    parser.add_argument("--only", choices=WISHES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        print(json.dumps(WISHES[args.only](args.folder)))
        return 0
    with work_folder(args.folder, "big-remote") as work:
        return measure(work, args)


def measure(work: Path, args: argparse.Namespace) -> int:
    """Create the remotes, run the requests, and print their cost."""
    makers = {"one file": lambda: make_one_file(work, args), "flat directory": lambda: make_flat(work, args.flat)}
    missed = 0
    for request, make in makers.items():
        start = time.perf_counter()
        make()
        print(f"{request}: made in {time.perf_counter() - start:.0f} s", flush=True)
        command = [sys.executable, __file__, str(work), "--only", request]
        figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        for what, value in figures.items():
            bar = BARS[request].get(what)
            bad = bar is not None and value > bar
            missed += bad
            print(f"  {what:<14} {value:>10,.2f}" + (f"   at most {bar}{'  MISSED' if bad else ''}" if bar else ""))
        shutil.rmtree(work)
    return 1 if missed else 0


def make_one_file(work: Path, args: argparse.Namespace) -> None:
    """A remote of very many objects, and a note of what is wanted of it."""
    made = make_big_remote(work / "remote", args.objects, scratch=work / "scratch", sparse=args.sparse)
    note = {"oid": made.root.oid.hex(), "path": made.wanted, "content": Oid.of(made.content).hex()}
    (work / "request.json").write_text(json.dumps(note))


def want_one_file(work: Path) -> dict[str, Any]:
    """A fresh clone that wants one file."""
    note = json.loads((work / "request.json").read_text())
    parts = tuple(note["path"].encode().split(b"/"))
    storage = Counted(DirectoryStorage(work / "remote"))
    clone = Clone(work / "clone")
    start = time.perf_counter()
    want = ObjectPath(ObjectRef(Oid(bytes.fromhex(note["oid"])), ObjectKind.TREE, b"data"), parts)
    result = fetch([want], clone.store, clone.catalog(storage))
    seconds = time.perf_counter() - start
    if result.error() is not None or not clone.store.read(Oid(bytes.fromhex(note["content"]))):
        raise SystemExit("the file did not come")
    return {**figures(storage), "seconds": seconds, "database MB": (work / "clone/index.db").stat().st_size / 1e6}


def make_flat(work: Path, files: int) -> None:
    """A remote of one large directory."""
    make_flat_remote(work / "remote", files, scratch=work / "scratch")
    (work / "request.json").write_text(json.dumps({"files": files}))


def add_one_file(work: Path) -> dict[str, Any]:
    """A clone that has added one file, and pushes."""
    files = json.loads((work / "request.json").read_text())["files"]
    flat = make_flat_remote(work / "again", files, scratch=work / "scratch")  # the same once more: for its entries
    shutil.rmtree(work / "again")
    content = b"new" * 1000
    entries = sorted([*flat.entries, Entry(b"00012345.new", Kind.FILE, Oid.of(content), len(content))])
    clone = Clone(work / "clone")
    with StoreWriter(clone.store) as writer:
        writer.add_blobs([(Oid.of(content), content)])
        oid = write_directory(entries, writer.add_tree)
    storage = Counted(DirectoryStorage(work / "remote"))
    start = time.perf_counter()
    result = clone.push(storage, ObjectRef(oid, ObjectKind.TREE, b"flat"))
    seconds = time.perf_counter() - start
    if not result.objects:
        raise SystemExit("nothing was pushed")
    return {**figures(storage), "objects": result.objects, "seconds": seconds}


def figures(storage: Counted) -> dict[str, float]:
    """The cost of a request."""
    return {
        "requests": storage.requests,
        "received MB": storage.received / 1e6,
        "sent MB": storage.sent / 1e6,
        "peak RSS MB": peak() / 1e6,
    }


def peak() -> int:
    """The largest resident set of this program, in bytes. (`ru_maxrss` may be of the program that started it.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


WISHES = {"one file": want_one_file, "flat directory": add_one_file}

if __name__ == "__main__":
    sys.exit(main())
