"""Measuring many files: by content, in two processes, each once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from dver.core.errors import UsageError
from dver.core.oid import Oid
from dver.formats.measurements import decode, encode
from dver.formats.profile import PROFILER, CollectionKind
from dver.profiles.media.measure import measure_files


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[Oid, Path]:
    """250 images, and one that is damaged."""
    folder = tmp_path_factory.mktemp("images")
    found = {}
    for at in range(250):
        path = folder / f"{at}.png"
        Image.new("L", (at + 1, 2), at).save(path)
        found[Oid.of(path.read_bytes())] = path
    damaged = folder / "damaged.png"
    damaged.write_bytes(found[next(iter(found))].read_bytes()[:44])
    found[Oid.of(damaged.read_bytes())] = damaged
    return found


def test_two_processes_measure_what_one_measures(images: dict[Oid, Path]) -> None:
    counted: list[int] = []
    found = measure_files(CollectionKind.IMAGES, images, report=counted.append)
    assert sum(counted) == len(images)
    assert encode(found) == encode(measure_files(CollectionKind.IMAGES, images, processes=1))
    assert found.profiler == PROFILER
    widths = dict(zip(found.oids, found.columns["width"].values, strict=True))
    assert [widths[oid] for oid in images] == [*range(1, 251), None]


def test_an_unreadable_file_has_its_size_and_the_reason(images: dict[Oid, Path]) -> None:
    oid, path = list(images.items())[-1]
    found = decode(encode(measure_files(CollectionKind.IMAGES, {oid: path})))
    row = dict(zip(found.columns, found.rows()[oid], strict=True))
    assert row["bytes"] == 44
    assert row["error"]
    assert {value for name, value in row.items() if name not in ("bytes", "error")} == {None}


def test_no_files_need_no_library() -> None:
    assert list(measure_files(CollectionKind.AUDIO, {}).columns) == [
        "format", "duration", "rate", "channels", "bytes", "error",
    ]  # fmt: skip


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        measure_files(CollectionKind.TEXT, {Oid.of(b""): tmp_path / "gone.txt"})


@pytest.mark.parametrize(
    ("kind", "module", "name"),
    [(CollectionKind.IMAGES, "PIL.Image", "Pillow"), (CollectionKind.AUDIO, "tinytag", "tinytag")],
)
def test_without_the_extra_the_error_says_how_to_install_it(
    kind: CollectionKind, module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError) as caught:
        measure_files(kind, {Oid.of(b""): "a"})
    assert (caught.value.why, caught.value.fix) == (f"{name} is not installed", 'pip install "dver[data]"')
