"""The second look of a push: what a gc did between its plan and its index."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator
from pathlib import Path

import pytest
from datasets import Clone, Spy, files, put_dataset, read_dataset

from dver.core.errors import MissingObjectError, RemoteError
from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.remote_index import RemoteIndex
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.gc.collection import remote_gc
from dver.remote.index.catalog import Catalog, PublishedIndex
from dver.remote.index.condemned_lists import withdraw
from dver.remote.index.keys import INDEXES, PACKS, index_key
from dver.remote.storage import ObjectInfo
from dver.remote.transfer.push import UploadResult, push
from dver.remote.transfer.push_plan import plan_push

MIB = 2**20
LONG = 14 * 86_400
SHARED = files(8, size=MIB)


@pytest.fixture
def spy(tmp_path: Path) -> Spy:
    return Spy(DirectoryStorage(tmp_path / "remote"))


def collect(folder: Path, spy: Spy, *roots: ObjectRef, grace: int) -> None:
    """As another clone does."""
    clone = Clone(folder)
    remote_gc(lambda: roots, clone.store, clone.catalog(spy), grace=grace, now=time.time)


def push_around(clone: Clone, spy: Spy, root: ObjectRef, meanwhile: Callable[[], None]) -> UploadResult:
    """Plan, let others do what they do, and push."""
    catalog = clone.catalog(spy)
    catalog.refresh()
    plan = plan_push([root], clone.store, catalog)
    meanwhile()
    spy.calls.clear()
    return push(plan, clone.store, catalog)


def first_push(clone: Clone, spy: Spy) -> ObjectRef:
    """Something that nobody needs any more once it was pushed, and that the next push builds on."""
    clone.push(spy, put_dataset(clone.store, SHARED, "old"))
    return put_dataset(clone.store, SHARED | {"new": b"new"})


def check_fetch(folder: Path, spy: Spy, root: ObjectRef) -> None:
    fresh = Clone(folder)
    assert fresh.fetch(spy, root).error() is None
    assert read_dataset(fresh.store, root.oid) == SHARED | {"new": b"new"}


def test_a_push_beside_which_nothing_happened_looks_once(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    root = first_push(clone, spy)
    push_around(clone, spy, root, lambda: None)
    index = next(at for at, (verb, key) in enumerate(spy.calls) if verb == "put" and key.startswith(INDEXES))
    assert ("list", INDEXES) in spy.calls[index:]
    assert not any(key.startswith(PACKS) for _, key in spy.calls[index:])


def test_what_is_condemned_meanwhile_for_a_long_time_is_not_sent_again(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    root = first_push(clone, spy)
    result = push_around(clone, spy, root, lambda: collect(tmp_path / "g", spy, grace=LONG))
    assert result.size < MIB
    check_fetch(tmp_path / "b", spy, root)
    # Whoever collects next knows of the push, and keeps what it needs.
    collect(tmp_path / "g", spy, root, grace=LONG)
    collect(tmp_path / "g", spy, root, grace=0)
    check_fetch(tmp_path / "c", spy, root)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_is_condemned_or_deleted_meanwhile_is_sent_again(tmp_path: Path, spy: Spy, times: int) -> None:
    clone = Clone(tmp_path / "a")
    root = first_push(clone, spy)

    def meanwhile() -> None:
        for _ in range(times):
            collect(tmp_path / "g", spy, grace=0)

    result = push_around(clone, spy, root, meanwhile)
    assert result.size > 8 * MIB
    assert result.objects >= len(SHARED)
    for _ in range(3):
        collect(tmp_path / "g", spy, root, grace=0)
    check_fetch(tmp_path / "b", spy, root)
    assert clone.push(spy, root).objects == 0


def test_packs_that_are_deleted_while_the_push_is_under_way_are_sent_again(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    root = put_dataset(clone.store, SHARED | {"new": b"new"})
    catalog = clone.catalog(spy)

    class Late(Catalog):
        def publish(self, index: RemoteIndex, taken: Container[Oid] = ()) -> PublishedIndex | None:
            if not spy.made("delete"):
                for _ in range(2):
                    collect(tmp_path / "g", spy, grace=0)
            return super().publish(index, taken)

    late = Late(catalog.mirror, spy)
    late.refresh()
    push(plan_push([root], clone.store, late), clone.store, late)
    assert any(key.startswith(PACKS) for key in spy.made("delete"))
    check_fetch(tmp_path / "b", spy, root)


def test_what_cannot_be_sent_again_is_an_error_and_is_not_promised(tmp_path: Path, spy: Spy) -> None:
    full = Clone(tmp_path / "a")
    dataset = {f"deep/{name}": content for name, content in SHARED.items()}
    old = put_dataset(full.store, dataset, "old")
    full.push(spy, old)
    partial = Clone(tmp_path / "p")
    partial.fetch(spy, old, sub="deep/d000/f00000")
    root = put_dataset(full.store, dataset | {"new": b"new"})
    for pack in full.store.packs.iterdir():
        if pack.stat().st_size < 10_000:
            (partial.store.packs / pack.name).write_bytes(pack.read_bytes())
    partial.store.refresh()
    with pytest.raises(MissingObjectError):
        push_around(partial, spy, root, lambda: collect(tmp_path / "g", spy, grace=0))
    catalog = Clone(tmp_path / "c").catalog(spy)
    catalog.refresh()
    assert catalog.has_roots([root.oid]) == set()


def test_what_others_have_built_on_a_push_that_gave_up_stays(tmp_path: Path, spy: Spy) -> None:
    restless, other = Clone(tmp_path / "a"), Clone(tmp_path / "b")
    root = put_dataset(restless.store, SHARED)
    built = put_dataset(other.store, SHARED | {"new": b"new"})

    class Restless(Spy):
        """Whenever one looks again, a gc has been there; and after the first index, the other push."""

        def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
            puts = [key for key in self.made("put") if key.startswith(INDEXES)]
            if puts and prefix == INDEXES:
                withdraw([Oid.of(b"%d" % len(self.calls))], spy, now=int(time.time()), grace=0)
                if not built_upon:
                    built_upon.append(other.push(spy, built))
            return super().list(prefix)

    built_upon: list[UploadResult] = []
    with pytest.raises(RemoteError, match="again and again"):
        restless.push(Restless(spy.inner), root)
    assert built_upon[0].size < MIB
    check_fetch(tmp_path / "c", spy, built)
    for _ in range(3):
        collect(tmp_path / "g", spy, built, grace=0)
    check_fetch(tmp_path / "d", spy, built)


def test_a_remote_that_never_holds_still_ends_a_push_with_an_error(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")

    class Restless(Spy):
        """Lists an index that is gone when it is read, and a list that was not there before."""

        def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
            found = [*super().list(prefix)]
            if prefix == INDEXES and any(key.startswith(INDEXES) for key in self.made("put")):
                withdraw([Oid.of(b"%d" % len(self.calls))], spy, now=int(time.time()), grace=0)
                found.append(ObjectInfo(index_key(Oid.of(b"gone")), 100))
            return iter(found)

    with pytest.raises(RemoteError, match="again and again"):
        clone.push(Restless(spy.inner), put_dataset(clone.store, SHARED))
    assert 0 < clone.push(spy, put_dataset(clone.store, SHARED)).size < MIB  # the packs are there
