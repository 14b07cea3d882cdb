"""The listing has every file, also if several clones write at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from servers import FaultyS3

from dver.formats import remote_listing
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.backends.s3 import S3Storage
from dver.remote.index.listing_file import LISTING_KEY, refresh_listing
from dver.remote.settings import parse
from dver.remote.storage import Body, BytesBody, ObjectInfo, OnBytes, Storage


def put_index(storage: Storage, name: str) -> None:
    storage.put(f"indexes/{name}.idx", BytesBody(name.encode()))


def listed(storage: Storage) -> dict[str, int]:
    return remote_listing.decode(storage.get(LISTING_KEY))


class Interrupted(DirectoryStorage):
    """Something happens just before each put of the listing."""

    def __init__(self, root: Path, happenings: list[Callable[[], None]]) -> None:
        super().__init__(root)
        self.happenings = happenings
        self.lists = 0

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        if key == LISTING_KEY and self.happenings:
            self.happenings.pop(0)()
        return super().put(key, body, if_absent=if_absent, on_bytes=on_bytes)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self.lists += 1
        return super().list(prefix)


def test_the_listing_has_all_names_and_sizes(storage: Storage) -> None:
    refresh_listing(storage)
    assert listed(storage) == {}
    put_index(storage, "one")
    put_index(storage, "three")
    storage.put("indexes/x.condemned", BytesBody(b"ab"))
    storage.put("packs/p.pack", BytesBody(b"p"))
    refresh_listing(storage)
    assert listed(storage) == {"one.idx": 3, "three.idx": 5, "x.condemned": 2}
    storage.delete("indexes/one.idx")
    refresh_listing(storage)
    assert listed(storage) == {"three.idx": 5, "x.condemned": 2}


def test_the_last_of_two_writers_lists_everything(tmp_path: Path) -> None:
    other = DirectoryStorage(tmp_path)

    def whole_other_push() -> None:
        put_index(other, "other")
        refresh_listing(other)

    put_index(other, "mine")
    refresh_listing(Interrupted(tmp_path, [whole_other_push, lambda: put_index(other, "third")]))
    assert set(listed(other)) == {"mine.idx", "other.idx", "third.idx"}


def test_two_list_requests_are_enough(tmp_path: Path) -> None:
    storage = Interrupted(tmp_path, [])
    put_index(storage, "one")
    refresh_listing(storage)
    assert storage.lists == 2
    put_index(storage, "two")
    refresh_listing(storage)
    assert storage.lists == 4
    assert set(listed(storage)) == {"one.idx", "two.idx"}


def test_a_file_of_another_program_is_left_out(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    put_index(storage, "one")
    storage.put("indexes/a name of somebody's own", BytesBody(b""))
    storage.put("indexes/below/x", BytesBody(b""))
    refresh_listing(storage)
    assert set(listed(storage)) == {"one.idx"}


def test_a_remote_that_does_not_allow_a_listing_works_without_it(faulty_s3: FaultyS3) -> None:
    storage = S3Storage(parse("origin", faulty_s3.table()))
    assert refresh_listing(storage)
    faulty_s3.standing["PUT"] = "denied"
    assert not refresh_listing(storage)
