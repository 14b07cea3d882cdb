"""What is measured of images."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageStat

from dver.profiles.media.images import PIXELS_MAX, measure_image

PIXELS = np.random.default_rng(7).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def encoded(image: Image.Image, form: str) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, form)
    buffer.seek(0)
    return buffer


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("mode", "form", "channels"),
    [("1", "PNG", 1), ("L", "PNG", 1), ("LA", "PNG", 2), ("P", "GIF", 1), ("RGB", "PNG", 3), ("RGB", "BMP", 3),
     ("RGBA", "PNG", 4), ("RGB", "TIFF", 3), ("RGB", "WEBP", 3), ("CMYK", "JPEG", 4), ("RGB", "JPEG", 3)],
)  # fmt: skip
def test_an_image_has_size_channels_and_brightness(mode: str, form: str, channels: int) -> None:
    image = Image.fromarray(PIXELS).convert(mode)
    found = measure_image(encoded(image, form))
    assert isinstance(found, dict)
    assert (found["width"], found["height"], found["format"]) == (40, 30, form)
    assert found["channels"] == channels
    expected = ImageStat.Stat(image.convert("RGB").convert("L")).mean[0] / 255
    assert found["brightness"] == pytest.approx(expected, abs=0.02)


def test_the_brightness_is_the_mean_luma() -> None:
    image = Image.new("RGB", (8, 8), (255, 0, 0))
    assert measure_image(encoded(image, "PNG")) == {
        "format": "PNG", "mode": "RGB", "width": 8, "height": 8, "channels": 3, "brightness": 0.299,
    }  # fmt: skip


def test_a_large_jpeg_is_as_bright_as_all_its_pixels() -> None:
    shades = np.linspace(0, 255, 3000).astype(np.uint8)
    image = Image.fromarray(np.tile(shades, (2000, 1)))
    found = measure_image(encoded(image, "JPEG"))
    assert isinstance(found, dict)
    assert (found["width"], found["height"]) == (3000, 2000)
    assert found["brightness"] == pytest.approx(float(shades.mean()) / 255, abs=0.002)


def test_sixteen_bits_and_floats_have_a_brightness() -> None:
    deep = Image.fromarray(np.full((4, 4), 65535 // 4, np.uint16))
    floats = Image.fromarray(np.full((4, 4), 0.75, np.float32))
    unknown = Image.fromarray(np.full((4, 4), -3.0, np.float32))
    found = [measure_image(encoded(one, "TIFF")) for one in (deep, floats, unknown)]
    assert [one["brightness"] for one in found if isinstance(one, dict)] == [0.25, 0.75, None]


def test_a_decompression_bomb_is_not_decoded() -> None:
    assert measure_image(io.BytesIO(bomb(30_000, 30_000))) == (
        f"30,000 × 30,000 pixels: more than {PIXELS_MAX:,} are not decoded"
    )


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_truncated_image_is_unreadable(form: str) -> None:
    content = encoded(Image.fromarray(PIXELS), form).getvalue()
    found = measure_image(io.BytesIO(content[: len(content) * 2 // 3]))
    assert isinstance(found, str)
    assert found


@pytest.mark.parametrize("content", [b"", b"no image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_other_files_are_unreadable(content: bytes) -> None:
    assert measure_image(io.BytesIO(content)) == "not an image that Pillow can read"


def test_pillow_keeps_its_limit() -> None:
    before = Image.MAX_IMAGE_PIXELS
    measure_image(io.BytesIO(bomb(30_000, 30_000)))
    assert before == Image.MAX_IMAGE_PIXELS


def test_an_error_of_the_disk_is_not_a_property_of_the_image(tmp_path: Path) -> None:
    content = encoded(Image.fromarray(PIXELS), "PNG").getvalue()

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 40:
                raise OSError(5, "Input/output error")
            return super().read(size)

    with pytest.raises(OSError, match="Input/output"):
        measure_image(Failing(content))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_bytes_flipped_anywhere_give_an_answer(form: str) -> None:
    seeded = np.random.default_rng(3)
    content = encoded(Image.fromarray(PIXELS[:8, :8]), form).getvalue()
    for _ in range(40):
        damaged = bytearray(content)
        for at in seeded.integers(0, len(content), 4):
            damaged[at] = seeded.integers(0, 256)
        assert measure_image(io.BytesIO(bytes(damaged)))
