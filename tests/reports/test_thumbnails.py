"""Small versions of images, with and without Pillow."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import pytest
from PIL import Image

from dver.reports.thumbnails import EDGE, ORIGINAL_MAX, Thumbnail, is_image, png_thumbnail, thumbnail_of


def picture(width: int, height: int, form: str = "PNG", mode: str = "RGB") -> bytes:
    """An encoded image of one colour."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height), 200).save(buffer, form)
    return buffer.getvalue()


def shown(content: bytes, path: str = "a.png") -> Thumbnail:
    """The thumbnail of `content`, which has one."""
    found = thumbnail_of(path, content)
    assert isinstance(found, Thumbnail)
    return found


@pytest.fixture
def without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extra `data`."""
    for name in [name for name in sys.modules if name == "PIL" or name.startswith("PIL.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_a_large_image_is_reduced() -> None:
    small = shown(picture(4000, 1000, "JPEG"), "photo.JPG")
    assert Image.open(io.BytesIO(small.content)).size == (EDGE, EDGE // 4)
    assert small.media_type == "image/webp"
    assert small.detail.startswith("4,000 × 1,000, ")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_is_shown(mode: str) -> None:
    form = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    assert Image.open(io.BytesIO(shown(picture(30, 20, form, mode)).content)).size == (30, 20)


def test_a_damaged_image_is_named_instead_of_shown() -> None:
    assert thumbnail_of("a.png", b"no image") == "not an image that can be read, 8 B"


def test_an_image_with_too_many_pixels_is_not_decoded() -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    assert isinstance(thumbnail_of("a.png", bomb), str)


def test_a_drawing_is_embedded_as_it_is() -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg"></svg>'
    assert shown(drawing, "a.svg") == Thumbnail(drawing, "image/svg+xml", "46 B")


@pytest.mark.usefixtures("without_pillow")
def test_without_pillow_small_originals_are_shown() -> None:
    content = b"\x89PNG" + bytes(100)
    assert shown(content) == Thumbnail(content, "image/png", "104 B")
    large = thumbnail_of("a.png", bytes(ORIGINAL_MAX + 1))
    assert large == 'not shown: 102 kB (`pip install "dver[data]"` shows a small version)'


def test_suffixes_decide_what_is_an_image() -> None:
    assert [is_image(name) for name in ("a.PNG", "b/c.webp", "a.txt", "png")] == [True, True, False, False]


def test_a_small_png_stays_as_it_is_in_png_form() -> None:
    small = picture(8, 8)
    assert png_thumbnail("a.png", small) == small


def test_other_images_become_png() -> None:
    for content, name in ((picture(4000, 1000, "JPEG"), "a.jpg"), (picture(8, 8, "GIF"), "a.gif")):
        found = png_thumbnail(name, content)
        assert isinstance(found, bytes)
        assert Image.open(io.BytesIO(found)).format == "PNG"


def test_an_image_without_a_png_form_has_a_reason() -> None:
    assert png_thumbnail("a.svg", b"<svg/>") == "not shown: 6 B"
    assert png_thumbnail("a.png", b"no image") == "not an image that can be read, 8 B"


@pytest.mark.usefixtures("without_pillow")
def test_without_pillow_only_small_png_files_have_a_png_form() -> None:
    small = picture(8, 8)
    assert png_thumbnail("a.png", small) == small
    assert "pip install" in str(png_thumbnail("a.jpg", b"jpeg"))
