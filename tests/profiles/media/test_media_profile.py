"""Collections of media as tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dver.core.oid import Oid
from dver.drift.comparison import compare
from dver.drift.settings import DriftSettings
from dver.formats.measurements import Measurements
from dver.formats.profile import (
    PROFILER,
    CollectionKind,
    CollectionProfile,
    ColumnType,
    NumberSummary,
    Profile,
    Value,
    decode,
    encode,
)
from dver.profiles.media.collections import CollectionPlan, ListedFile, plan_collections
from dver.profiles.media.measure import TYPES, measure_files
from dver.profiles.media.media_profile import UNREADABLE_MAX, media_collections
from dver.profiles.sketches.quantiles import Quantiles


def listed(root: Path) -> list[ListedFile]:
    found = [(path, path.read_bytes()) for path in sorted(root.rglob("*")) if path.is_file()]
    return [ListedFile(str(path.relative_to(root)).encode(), Oid.of(one), len(one)) for path, one in found]


def measured(root: Path, plan: CollectionPlan) -> dict[CollectionKind, Measurements]:
    return {
        kind: measure_files(kind, {oid: root / file.path.decode() for oid, file in plan.media_oids(kind).items()})
        for kind in (CollectionKind.IMAGES, CollectionKind.AUDIO, CollectionKind.TEXT)
    }


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CollectionProfile]:
    """60 images of two sizes, one of them twice, 25 unreadable ones, and two texts."""
    root = tmp_path_factory.mktemp("data")
    (root / "train").mkdir()
    for at in range(60):
        Image.new("RGB", (10 + at % 2, 20), (at, at, at)).save(root / f"train/{at:02}.png")
    (root / "train/copy.png").write_bytes((root / "train/00.png").read_bytes())
    for at in range(25):
        (root / f"train/x{at:02}.png").write_bytes(b"no image %d" % at)
    (root / "a.txt").write_text("one two")
    (root / "b.md").write_text("three")
    plan = plan_collections(listed(root))
    return {one.name: one for one in media_collections(plan.media, measured(root, plan))}


def test_a_collection_has_a_row_for_each_readable_file(collections: dict[str, CollectionProfile]) -> None:
    images = collections["train/images"]
    assert (images.kind, images.rows, images.files) == (CollectionKind.IMAGES, 61, 86)
    assert [(one.name, one.count, one.nulls) for one in images.columns] == [
        (name, 61, 0) for name in TYPES[CollectionKind.IMAGES] if name != "error"
    ]


def test_measurements_are_columns(collections: dict[str, CollectionProfile]) -> None:
    images = collections["train/images"]
    types = {one.name: one.type for one in images.columns}
    assert (types["width"], types["brightness"], types["format"]) == (
        ColumnType.INTEGER,
        ColumnType.NUMBER,
        ColumnType.TEXT,
    )
    assert counted(images, "width") == ((10, 31), (11, 30))
    assert counted(images, "format") == (("PNG", 61),)
    assert Quantiles.of(numbers(images, "brightness").quantiles).count == 61


def numbers(collection: CollectionProfile, name: str) -> NumberSummary:
    column = collection.column(name)
    assert column is not None
    assert column.numbers is not None
    return column.numbers


def counted(collection: CollectionProfile, name: str) -> tuple[tuple[Value, int], ...]:
    column = collection.column(name)
    assert column is not None
    assert column.counts is not None
    return column.counts.values


def test_texts_are_a_collection(collections: dict[str, CollectionProfile]) -> None:
    words = numbers(collections["text"], "words")
    assert (words.minimum, words.maximum) == (1, 2)


def test_the_first_unreadable_files_are_named_and_all_are_counted(collections: dict[str, CollectionProfile]) -> None:
    images = collections["train/images"]
    assert images.unreadable_count == 25
    assert [one.path for one in images.unreadable] == [f"train/x{at:02}.png" for at in range(UNREADABLE_MAX)]
    assert images.unreadable[0].why == "not an image that Pillow can read"


def test_a_collection_can_be_stored(collections: dict[str, CollectionProfile]) -> None:
    profile = Profile(tuple(one for _, one in sorted(collections.items())))
    assert encode(decode(encode(profile))) == encode(profile)


def test_parts_are_consecutive_files(tmp_path: Path) -> None:
    for at in range(1200):
        (tmp_path / f"{at:04}.txt").write_text("x" * (at + 1))
    plan = plan_collections(listed(tmp_path))
    (found,) = media_collections(plan.media, measured(tmp_path, plan))
    parts = [one.columns["characters"].quantiles for one in found.parts]
    assert sum(one.rows for one in found.parts) == 1200
    assert len(parts) > 1
    assert [one[0] for one in parts] == sorted(one[0] for one in parts)


def test_only_unreadable_files_make_a_collection_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    plan = plan_collections(listed(tmp_path), single=True)
    (found,) = media_collections(plan.media, measured(tmp_path, plan))
    assert (found.name, found.rows, found.unreadable_count) == ("", 0, 1)
    assert encode(decode(encode(Profile((found,))))) == encode(Profile((found,)))


def test_values_of_private_columns_are_left_out(tmp_path: Path) -> None:
    Image.new("L", (3, 3)).save(tmp_path / "a.png")
    plan = plan_collections(listed(tmp_path))
    (found,) = media_collections(plan.media, measured(tmp_path, plan), private=frozenset({"format"}))
    column = found.column("format")
    assert column is not None
    assert (column.private, column.counts, column.first) == (True, None, None)


def photos(brightness: float, seed: int) -> CollectionProfile:
    """The profile of 2,000 images with this mean brightness, as if they had been measured."""
    seeded = np.random.default_rng(seed)
    files = [ListedFile(b"%04d.png" % at, Oid.of(b"%d %d" % (seed, at)), 100) for at in range(2000)]
    shades = seeded.normal(brightness, 0.1, len(files)).round(4)
    rows = {
        file.oid: ("PNG", "RGB", 64, 64, 3, float(shade), 100, None) for file, shade in zip(files, shades, strict=True)
    }
    kind = CollectionKind.IMAGES
    found = {kind: Measurements.of_rows(kind, PROFILER, TYPES[kind], rows)}
    return next(media_collections(plan_collections(files).media, found))


def test_brighter_images_are_drift_and_others_of_the_same_kind_are_not() -> None:
    reference = photos(0.5, 1)
    same = compare(reference, photos(0.5, 2), DriftSettings())
    brighter = compare(reference, photos(0.55, 3), DriftSettings())
    assert [one.column for one in same.drifted] == []
    assert [one.column for one in brighter.drifted] == ["brightness"]
