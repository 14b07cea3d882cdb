"""Checkouts against a model, on real directories: what is wanted comes, and no unsaved work is lost."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import names
from workspaces import Content, has_steps, listing

from dver.core.oid import Oid
from dver.core.worker_pool import Worker, WorkerPool
from dver.formats.tree import Entry
from dver.store.objects.database import Database
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.store.writer import StoreWriter
from dver.workspace.files.apply import Destination, apply_plan
from dver.workspace.files.checkout_plan import CheckoutPlan, CheckoutSubject, plan_checkout
from dver.workspace.scan.hash_or_store import HashOnly, KeepInStore
from dver.workspace.scan.scanner import Scanner, Snapshot
from dver.workspace.scan.stat_cache import StatCache

# Few names, so that files, links and directories of one name meet; and now and then any name at all.
NAMES = st.one_of(st.sampled_from([b"a", b"b", b"c", b"A", b"e\xcc\x81", b"\xc3\xa9", b"\xff\n "]), names)
LEAVES = st.one_of(
    st.tuples(st.sampled_from(["file", "executable"]), st.sampled_from([b"", b"1", b"2", b"x" * 3000])),
    st.tuples(st.just("link"), st.sampled_from([b"a", b"../b", b"/nowhere/at/all"])),
)
TREES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=4),
    lambda below: st.dictionaries(NAMES, st.one_of(LEAVES, below), max_size=4),
    max_leaves=12,
)
TOPS = st.one_of(TREES, LEAVES, st.none())


def build(path: bytes, spec: object) -> None:
    """Make on the disk what `spec` says."""
    if isinstance(spec, dict):
        os.mkdir(path)
        for name, below in spec.items():
            build(path + b"/" + name, below)
    elif isinstance(spec, tuple):
        kind, content = spec
        if kind == "link":
            os.symlink(content, path)
            return
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, 0o755 if kind == "executable" else 0o644)


NOBODY = WorkerPool(Worker, size=1)  # a pool of one forks no process


class Place:
    """A workspace of one path, `data`, and a store."""

    def __init__(self, folder: Path) -> None:
        self.top = os.fsencode(folder / "work")
        self.data = self.top + b"/data"
        self.scratch = os.fsencode(folder / "scratch")
        os.mkdir(self.top)
        self.database = Database(folder / "index.db")
        self.store = Store(folder / "store", self.database)
        self.cache = StatCache(self.database)

    def fill(self, spec: object) -> None:
        if os.path.isdir(self.data) and not os.path.islink(self.data):
            shutil.rmtree(self.data)
        elif os.path.lexists(self.data):
            os.unlink(self.data)
        build(self.data, spec)

    def save(self, spec: object) -> Entry | None:
        """The entry of `spec`, which is in the store from now on."""
        self.fill(spec)
        with StoreWriter(self.store) as writer, KeepInStore(writer, LinkMode.AUTO, NOBODY) as intake:
            found = Scanner(self.cache, intake).scan(self.data, b"data")
        return found.root if found else None

    def scan(self) -> Snapshot | None:
        return Scanner(self.cache, HashOnly()).scan(self.data, b"data")

    def check_out(self, want: Entry | None, *bases: Entry | None, force: bool = False) -> CheckoutPlan:
        here = self.scan()

        def read(oid: Oid) -> Sequence[Entry]:
            known = here.tree(oid) if here else None
            return self.store.tree(oid) if known is None else known

        known = tuple(base for base in bases if base is not None)
        subject = CheckoutSubject(b"data", here.root if here else None, want, known)
        plan = plan_checkout([subject], read=read, saved=self.store.present, force=force)
        destination = Destination(self.top, self.scratch, LinkMode.AUTO)
        assert apply_plan(plan, destination, self.store, self.cache) == []
        return plan

    def close(self) -> None:
        self.store.close()
        self.database.close()


def leaves(found: dict[bytes, Content]) -> set[tuple[bytes, str, bytes]]:
    return {(path, *content) for path, content in found.items() if content[0] != "directory"}


@settings(max_examples=120)
@given(old=TOPS, new=TOPS, work=TOPS, force=st.booleans())
def test_a_checkout_brings_what_is_wanted_and_loses_nothing_that_is_not_saved(
    old: object, new: object, work: object, force: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        new_entry = place.save(new)
        wanted = listing(place.data)
        old_entry = place.save(old)
        put_there = listing(place.data)
        saved = {content for _, _, content in leaves(wanted) | leaves(put_there)}
        place.fill(work)
        before = listing(place.data)

        plan = place.check_out(new_entry, old_entry, force=force)

        after = listing(place.data)
        kept = {one.path.removeprefix(b"data").removeprefix(b"/") for one in plan.keep}
        if force or not plan.keep:
            assert after == wanted
        for path, kind, content in leaves(before):
            stays = path in after and after[path] == (kind, content)
            assert force or stays or content in saved, (path, kind, content)
        for path, content in wanted.items():
            hidden = any(path == one or path.startswith(one + b"/") or not one for one in kept)
            assert hidden or after.get(path) == content
        for path in after.keys() - wanted.keys():
            assert any(path == one or one.startswith(path + b"/") or not path for one in kept)
        assert not os.path.exists(place.scratch) or os.listdir(place.scratch) == []
        assert not has_steps(place.check_out(new_entry, old_entry, new_entry))
        place.close()


@settings(max_examples=40)
@given(old=TOPS, new=TOPS)
def test_going_back_and_forth_between_versions_leaves_no_trace(old: object, new: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        entries, contents = [], []
        for spec in (old, new):
            entries.append(place.save(spec))
            contents.append(listing(place.data))
        for _ in range(2):
            for at in (0, 1):
                plan = place.check_out(entries[at], entries[1 - at])
                assert plan.keep == []
                assert listing(place.data) == contents[at]
                found = place.scan()
                assert (found.root if found else None) == entries[at]
        place.close()
