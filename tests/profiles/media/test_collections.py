"""Which files of a directory are one collection, and its name."""

from __future__ import annotations

import pytest

from dver.core.oid import Oid
from dver.formats.profile import CollectionKind
from dver.profiles.media.collections import CollectionPlan, ListedFile, group_tables, kind_of, plan_collections
from dver.tables.suffixes import is_table_file


def plan(*paths: bytes, single: bool = False) -> CollectionPlan:
    return plan_collections([ListedFile(path, Oid.of(path), 1) for path in paths], single=single)


def media(found: CollectionPlan) -> dict[str, list[bytes]]:
    return {group.name: [file.path for file in group.files] for group in found.media}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"a/B.JPG", CollectionKind.IMAGES),
        (b"a.wav", CollectionKind.AUDIO),
        (b"read me.md", CollectionKind.TEXT),
        (b"part-0.csv.gz", CollectionKind.TABLE),
        (b"t.parquet", CollectionKind.TABLE),
        (b"notes.txt.gz", None),
        (b"t.parquet.gz", None),
        (b".hidden.csv", None),
        (b"model.bin", None),
        (b"csv", None),
    ],
)
def test_the_suffix_says_what_a_file_is(path: bytes, kind: CollectionKind | None) -> None:
    assert kind_of(path) is kind


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".arrows", ".feather"])
@pytest.mark.parametrize("compression", ["", ".gz", ".zst", ".bz2"])
def test_tables_are_those_that_have_a_profile(suffix: str, compression: str) -> None:
    name = f"t{suffix}{compression}"
    assert (kind_of(name.encode()) is CollectionKind.TABLE) == is_table_file(name)


def test_media_are_a_collection_for_each_kind_and_directory() -> None:
    found = plan(b"train/cat/1.png", b"train/dog/1.jpg", b"val/1.png", b"val/1.txt", b"top.png")
    assert media(found) == {
        "images": [b"top.png"],
        "train/images": [b"train/cat/1.png", b"train/dog/1.jpg"],
        "val/images": [b"val/1.png"],
        "val/text": [b"val/1.txt"],
    }


def test_other_and_hidden_files_are_counted() -> None:
    found = plan(b"a.png", b"b.bin", b".DS_Store", b".cache/c.png")
    assert media(found) == {"images": [b"a.png"]}
    assert found.ignored == 3


def test_tables_wait_for_their_columns() -> None:
    found = plan(b"b.csv", b"a.csv", b"a.png")
    assert [file.path for file in found.tables] == [b"a.csv", b"b.csv"]


def test_more_than_fifty_directories_are_one_collection() -> None:
    assert list(media(plan(*(b"%d/a.png" % at for at in range(51))))) == ["images"]
    assert len(media(plan(*(b"%d/a.png" % at for at in range(50))))) == 50


def test_a_single_file_has_no_name() -> None:
    assert list(media(plan(b"a.png", single=True))) == [""]


def test_a_name_that_is_not_utf8_is_text() -> None:
    assert list(media(plan(b"\xff/a.png"))) == [r"\xff/images"]


def test_equal_contents_are_measured_once() -> None:
    files = [ListedFile(path, Oid.of(b"same"), 4) for path in (b"b.png", b"a.png")]
    found = plan_collections(files).media_oids(CollectionKind.IMAGES)
    assert {oid: file.path for oid, file in found.items()} == {Oid.of(b"same"): b"a.png"}


def names(columns: dict[bytes, list[str] | None]) -> dict[str, tuple[bytes, ...]]:
    return {group.name: group.paths for group in group_tables(columns)}


def test_tables_with_the_same_columns_are_one_collection() -> None:
    assert names({b"part-2.csv": ["b", "a"], b"part-1.csv": ["a", "b"], b"users.csv": ["a"]}) == {
        "part-*.csv": (b"part-1.csv", b"part-2.csv"),
        "users.csv": (b"users.csv",),
    }


def test_tables_of_other_directories_stay_apart() -> None:
    assert list(names({b"train/a.csv": ["a"], b"val/a.csv": ["a"]})) == ["train/a.csv", "val/a.csv"]


def test_partitions_are_one_collection() -> None:
    found = names({b"year=%d/month=%d/part-0.parquet" % (2000 + at, at % 12): ["a"] for at in range(30)})
    assert list(found) == ["part-*.parquet"]


def test_a_name_stays_when_a_numbered_file_is_added() -> None:
    assert list(names({b"part-1.csv": ["a"]})) == list(names({b"part-1.csv": ["a"], b"part-10.csv": ["a"]}))


def test_files_with_other_names_share_their_suffix() -> None:
    assert list(names({b"jan.csv": ["a"], b"feb.csv": ["a"]})) == ["*.csv"]
    assert list(names({b"jan.csv": ["a"], b"feb.tsv": ["a"]})) == ["*"]


def test_collections_with_the_same_pattern_are_named_by_their_first_file() -> None:
    assert names({b"t1.csv": ["a"], b"t2.csv": ["b"], b"t3.csv": ["b"]}) == {
        "t1.csv": (b"t1.csv",),
        "t2.csv": (b"t2.csv", b"t3.csv"),
    }


def test_every_table_is_in_one_collection_whatever_names_they_have() -> None:
    columns = {b"a/k=%d/t%d.csv" % (at % 2, at % 3): [f"c{at % 4}"] for at in range(12)}
    assert sorted(path for paths in names(columns).values() for path in paths) == sorted(columns)


def test_an_unreadable_table_is_part_of_its_directory_and_changes_no_name() -> None:
    assert names({b"a.csv": None, b"t1.csv": ["x"], b"t2.csv": ["x"], b"z.csv": ["y"], b"c/d1.csv": None}) == {
        "c/d*.csv": (b"c/d1.csv",),
        "t*.csv": (b"a.csv", b"t1.csv", b"t2.csv"),
        "z.csv": (b"z.csv",),
    }
