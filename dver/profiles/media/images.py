"""Measurements of an image, by Pillow."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from dver.core.errors import UsageError
from dver.formats.measurements import Measured, MeasurementType

if TYPE_CHECKING:
    from PIL.Image import Image

TYPES: Final[Mapping[str, MeasurementType]] = {
    "format": MeasurementType.TEXT,
    "mode": MeasurementType.TEXT,
    "width": MeasurementType.COUNT,
    "height": MeasurementType.COUNT,
    "channels": MeasurementType.COUNT,
    "brightness": MeasurementType.NUMBER,
}
"""Pixels of `width` and `height` are as stored, without a rotation by EXIF. `brightness` is the mean luma (ITU-R
BT.601) of the first frame, 0 to 1, without transparency; for floats outside of 0 to 1 it is unknown."""
PIXELS_MAX: Final = 100_000_000
"""Pixels of the largest image that is decoded: 400 MB."""
_FORMATS: Final = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Those that Pillow decodes itself. For others it starts programs, such as Ghostscript for EPS."""
_LUMA: Final = (0.299, 0.587, 0.114)
_DRAFT: Final = (256, 256)
"""A JPEG is decoded at the fraction of its size that is larger than this: its mean stays the same."""


def require_pillow() -> None:
    """Raise UsageError without the extra `data`."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "profiles of images need the extra `data`", why="Pillow is not installed", fix='pip install "dver[data]"'
        ) from error


def measure_image(file: BinaryIO) -> dict[str, Measured] | str:
    """The measurements of an image; or why it is unreadable."""
    from PIL import Image, UnidentifiedImageError  # slow, and an extra

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large images, which have their own limit here, and of damaged EXIF
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with Image.open(file, formats=_known(Image)) as image:
                pixels = image.width * image.height
                if pixels > PIXELS_MAX:
                    return f"{image.width:,} × {image.height:,} pixels: more than {PIXELS_MAX:,} are not decoded"
                return _measured(image)
        except UnidentifiedImageError:
            return "not an image that Pillow can read"
        except MemoryError:
            return "it does not fit in memory"
        except Exception as error:  # what decoders raise for damaged files is not limited to OSError
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of the disk: it says nothing about the content
            return _reason(error)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _known(module: Any) -> list[str]:
    """The formats that this build of Pillow has."""
    module.init()
    return [one for one in _FORMATS if one in module.OPEN]


def _measured(image: Image) -> dict[str, Measured]:
    found: dict[str, Measured] = {
        "format": image.format,
        "mode": image.mode,
        "width": image.width,
        "height": image.height,
        "channels": len(image.getbands()),
    }
    image.draft(None, _DRAFT)
    return {**found, "brightness": _brightness(image)}


def _brightness(image: Image) -> float | None:
    if image.mode.startswith(("I", "F")):
        return _of_pixels(image)
    shown = image if image.mode in ("1", "L", "LA", "RGB", "RGBA", "RGBX") else image.convert("RGB")
    histogram = shown.histogram()
    means = [_mean(histogram[at : at + 256]) for at in range(0, len(histogram), 256)]
    if len(means) < len(_LUMA):
        return means[0]
    return round(sum(weight * mean for weight, mean in zip(_LUMA, means, strict=False)), 4)


def _mean(counts: list[int]) -> float:
    """The mean of a band from its histogram, 0 to 1."""
    return round(sum(value * times for value, times in enumerate(counts)) / (255 * sum(counts)), 4)


def _of_pixels(image: Image) -> float | None:
    """The brightness of an image of 16-bit or 32-bit integers, or of floats from 0 to 1. None for other values."""
    import numpy  # Pillow counts only the 256 values of bytes

    pixels = numpy.asarray(image)
    low, high = float(pixels.min()), float(pixels.max())
    top = 1 if image.mode == "F" else 65535 if high <= 65535 else 2**31 - 1
    return round(float(pixels.mean(dtype=numpy.float64)) / top, 4) if 0 <= low <= high <= top else None


def _reason(error: Exception) -> str:
    """The first line of an error."""
    first = str(error).partition("\n")[0].strip()
    return first[:200] or type(error).__name__
