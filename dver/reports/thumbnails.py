"""Small versions of images, for pages. With Pillow they are reduced; without it small originals are used."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dver.core.phrasing import human_size

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_TYPES: Final[Mapping[str, str]] = {
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}
"""Media types by suffix."""
ORIGINAL_MAX: Final = 100 << 10
"""Bytes of the largest image that is embedded as it is."""
SOURCE_MAX: Final = 64 << 20
"""Bytes of the largest image that is read."""
PIXELS_MAX: Final = 100_000_000
"""Pixels of the largest image that is decoded."""
EDGE: Final = 480
"""Pixels of the longer edge of a reduced image."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_IN_BROWSERS: Final = frozenset(IMAGE_TYPES) - {".tif", ".tiff"}


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """An image to embed. `detail` describes the original: its pixels, if they are known, and its size."""

    content: bytes
    media_type: str
    detail: str


def is_image(path: str) -> bool:
    """Does the suffix of `path` name an image?"""
    return _suffix(path) in IMAGE_TYPES


def thumbnail_of(path: str, content: bytes) -> Thumbnail | str:
    """A small version of the image `content`; or the reason why there is none."""
    suffix = _suffix(path)
    if suffix == ".svg" or not _has_pillow():
        return _original(suffix, content)
    return _reduced(content)


def png_thumbnail(path: str, content: bytes) -> bytes | str:
    """A small version of the image `content` in PNG format; or the reason why there is none."""
    if _suffix(path) == ".png" and content.startswith(_PNG) and len(content) <= ORIGINAL_MAX:
        return content
    if _suffix(path) == ".svg" or not _has_pillow():
        return _not_shown(_suffix(path), content)
    found = _reduced(content, "PNG")
    return found.content if isinstance(found, Thumbnail) else found


def _has_pillow() -> bool:
    from importlib.util import find_spec

    return find_spec("PIL") is not None


def _original(suffix: str, content: bytes) -> Thumbnail | str:
    if len(content) <= ORIGINAL_MAX and suffix in _IN_BROWSERS:
        return Thumbnail(content, IMAGE_TYPES[suffix], human_size(len(content)))
    return _not_shown(suffix, content)


def _not_shown(suffix: str, content: bytes) -> str:
    size = human_size(len(content))
    hint = "" if suffix == ".svg" else ' (`pip install "dver[data]"` shows a small version)'
    return f"not shown: {size}{hint}"


def _reduced(content: bytes, form: str = "WEBP") -> Thumbnail | str:
    from PIL import Image  # slow, and an extra

    size = human_size(len(content))
    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = f"{image.width:,} × {image.height:,}"
            if image.width * image.height > PIXELS_MAX:
                return f"not shown: {pixels} pixels, {size}"
            return Thumbnail(_encoded(image, form), f"image/{form.lower()}", f"{pixels}, {size}")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return f"not an image that can be read, {size}"


def _encoded(image: Image, form: str) -> bytes:
    image.draft("RGB", (2 * EDGE, 2 * EDGE))  # a JPEG is decoded at a fraction of its size
    image.thumbnail((EDGE, EDGE))
    transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    buffer = io.BytesIO()
    image.convert("RGBA" if transparent else "RGB").save(buffer, form, quality=80)
    return buffer.getvalue()


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()
