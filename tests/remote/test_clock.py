"""The clock of a remote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import Clone, Spy, files, put_dataset

from dver.core.errors import RemoteError
from dver.formats import condemned
from dver.formats.objectref import ObjectRef
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.clock import remote_time, trusted_remote_time
from dver.remote.gc.collection import remote_gc
from dver.remote.index.contents import list_contents
from dver.remote.index.keys import condemned_key
from dver.remote.storage import ObjectInfo

DAY = 86_400


class Clocked(Spy):
    """A remote that tells its clock with each list, as S3 does."""

    def __init__(self, folder: Path, ahead: float) -> None:
        super().__init__(DirectoryStorage(folder))
        self._ahead = ahead
        self.clock_skew: float | None = None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self.clock_skew = self._ahead
        return super().list(prefix)


def collect(clone: Clone, storage: Clocked, *roots: ObjectRef, grace: int = 14 * DAY) -> None:
    remote_gc(lambda: roots, clone.store, clone.catalog(storage), grace=grace, now=lambda: trusted_remote_time(storage))


def test_condemned_packs_are_dated_by_the_clock_of_the_remote(tmp_path: Path) -> None:
    storage, clone = Clocked(tmp_path / "remote", 1800), Clone(tmp_path / "a")
    clone.push(storage, put_dataset(clone.store, files(5)))
    collect(clone, storage)
    (name,) = list_contents(storage).lists
    assert abs(condemned.decode(storage.get(condemned_key(name))).at - (time.time() + 1800)) < 60


@pytest.mark.parametrize("ahead", [20 * DAY, -20 * DAY])
def test_a_gross_skew_is_refused_before_anything_is_written(tmp_path: Path, ahead: float) -> None:
    storage, clone = Clocked(tmp_path / "remote", ahead), Clone(tmp_path / "a")
    clone.push(storage, put_dataset(clone.store, files(5)))
    before = storage.made("put")
    with pytest.raises(RemoteError, match="differ by 20 days") as caught:
        collect(clone, storage)
    assert ("behind" if ahead > 0 else "ahead") in (caught.value.why or "")
    assert storage.made("put") == before


def test_a_folder_tells_the_clock_of_its_disk_and_keeps_nothing(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "remote")
    assert storage.clock_skew is None
    (tmp_path / "remote").mkdir()
    assert abs(remote_time(storage) - time.time()) < 5
    assert [path for path in (tmp_path / "remote").rglob("*") if path.is_file()] == []
