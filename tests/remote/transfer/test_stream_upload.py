"""Uploads of objects that are in no store."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from datasets import Clone, Spy, put_dataset

from dver.core.errors import RemoteError
from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.gc.collection import remote_gc
from dver.remote.index.keys import INDEXES, PACKS
from dver.remote.transfer.push import UploadResult
from dver.remote.transfer.stream_upload import StreamUpload
from dver.store.writer import StoreWriter

LARGE = os.urandom(45_000_000)


@pytest.fixture
def spy(tmp_path: Path) -> Spy:
    return Spy(DirectoryStorage(tmp_path / "remote"))


def pieces(content: bytes) -> Iterable[bytes]:
    return (content[at : at + 1_000_000] for at in range(0, len(content), 1_000_000))


def upload_large(clone: Clone, spy: Spy, content: bytes = LARGE) -> tuple[ObjectRef, UploadResult]:
    """Upload one large blob; its reference, and the result."""
    catalog = clone.catalog(spy)
    catalog.refresh()
    with StreamUpload(catalog, clone.store) as upload:
        root = ObjectRef(upload.add_stream(pieces(content)), ObjectKind.BLOB, b"big", len(content))
        return root, upload.finish(root, files=1)


def uploaded(spy: Spy, prefix: str) -> list[str]:
    return [key for key in spy.made("put") if key.startswith(prefix)]


def test_the_objects_are_those_of_the_store(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    with StoreWriter(clone.store) as writer:
        oid = writer.add_stream(pieces(LARGE))
    root, sent = upload_large(Clone(tmp_path / "b"), spy)
    assert root.oid == oid == Oid.of(LARGE)
    assert (sent.packs, len(uploaded(spy, PACKS))) == (2, 2)
    assert clone.push(spy, root).objects == 0
    fresh = Clone(tmp_path / "c")
    assert fresh.fetch(spy, root).error() is None
    assert fresh.store.read(oid) == LARGE


def test_the_index_is_uploaded_last(tmp_path: Path, spy: Spy) -> None:
    upload_large(Clone(tmp_path / "a"), spy)
    puts = spy.made("put")
    first = min(at for at, key in enumerate(puts) if key.startswith(INDEXES))
    assert all(key.startswith(PACKS) for key in puts[:first])
    assert not any(key.startswith(PACKS) for key in puts[first:])


def test_a_failed_pack_stops_the_upload(tmp_path: Path, spy: Spy) -> None:
    spy.fail_put_after, spy.failure = 1, RemoteError("full")
    with pytest.raises(RemoteError, match="full"):
        upload_large(Clone(tmp_path / "a"), spy)
    assert uploaded(spy, INDEXES) == []
    spy.fail_put_after = None
    spy.calls.clear()
    _, sent = upload_large(Clone(tmp_path / "a"), spy)
    assert sent.packs == 1  # the other one is there


def test_small_objects_and_empty_ones(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    catalog = clone.catalog(spy)
    catalog.refresh()
    with StreamUpload(catalog, clone.store) as upload:
        assert upload.add_stream([]) == Oid.of(b"")
        upload.add_blobs([(Oid.of(b"one"), b"one"), (Oid.of(b"two"), b"two")])
        assert upload.missing([Oid.of(b"one"), Oid.of(b"three")]) == {Oid.of(b"three")}
        root = ObjectRef(Oid.of(b"one"), ObjectKind.BLOB, b"one", 3)
        assert upload.finish(root, files=1).objects == 3
    catalog.refresh()
    with StreamUpload(catalog, clone.store) as upload:
        upload.add_blobs([(Oid.of(b"one"), b"one")])
        assert upload.finish(root, files=1) == UploadResult()


def test_a_gc_that_deletes_what_the_upload_relies_on_is_noticed(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    upload_large(clone, spy)
    needed = put_dataset(clone.store, {"x": b"other"})
    clone.push(spy, needed)
    catalog = clone.catalog(spy)
    catalog.refresh()
    with StreamUpload(catalog, clone.store) as upload:
        root = ObjectRef(upload.add_stream(pieces(LARGE + b"more")), ObjectKind.BLOB, b"big", len(LARGE) + 4)
        other = Clone(tmp_path / "b")
        other.fetch(spy, needed)
        remote_gc(lambda: [needed], other.store, other.catalog(spy), grace=0, now=time.time)
        with pytest.raises(RemoteError, match="changed during the upload") as caught:
            upload.finish(root, files=1)
    assert caught.value.fix == "run the same command again"
    root, _ = upload_large(Clone(tmp_path / "c"), spy, LARGE + b"more")
    fresh = Clone(tmp_path / "d")
    assert fresh.fetch(spy, root).error() is None
