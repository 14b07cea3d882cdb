"""Measurements of a recording, by tinytag: from its headers, without decoding it."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from dver.core.errors import UsageError
from dver.formats.measurements import Measured, MeasurementType

TYPES: Final[Mapping[str, MeasurementType]] = {
    "format": MeasurementType.TEXT,
    "duration": MeasurementType.NUMBER,
    "rate": MeasurementType.COUNT,
    "channels": MeasurementType.COUNT,
}
"""`duration` is in seconds, `rate` in samples per second."""
_FORMATS: Final = (
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "OGG"),
    (8, b"WAVE", "WAV"),
    (8, b"AIF", "AIFF"),
    (4, b"ftyp", "MP4"),
    (0, b"\x30\x26\xb2\x75", "WMA"),
    (0, b"ID3", "MP3"),
)
"""Where a format has which bytes. An MP3 without tags begins with a frame."""
_ENDLESS: Final = (1 << 32) - (1 << 16)
"""Bytes that a WAV file claims whose program did not know its length."""


def require_tinytag() -> None:
    """Raise UsageError without the extra `data`."""
    try:
        import tinytag  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "profiles of audio need the extra `data`", why="tinytag is not installed", fix='pip install "dver[data]"'
        ) from error


def measure_audio(file: BinaryIO) -> dict[str, Measured] | str:
    """The measurements of a recording; or why it is unreadable."""
    from tinytag import TinyTag, UnsupportedFormatError  # an extra

    head = file.read(12)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if not size:
        return "it is empty"
    try:
        tag = TinyTag.get(file_obj=file, tags=False, duration=True)
    except UnsupportedFormatError:
        return "not audio that tinytag can read"
    except MemoryError:
        return "it does not fit in memory"
    except Exception as error:  # what parsers raise for damaged files
        return _reason(error)
    rate, channels, duration = tag.samplerate, tag.channels, tag.duration
    if not rate or not channels or not 0 < rate < 1 << 32 or not 0 < channels < 1 << 16:
        return "no audio found in it"
    known = duration if duration is not None and math.isfinite(duration) and duration >= 0 else None
    found: dict[str, Measured] = {
        "format": _format(head),
        "duration": known if known is None else round(float(known), 4),
        "rate": int(rate),
        "channels": int(channels),
    }
    return _complete_wave(found, size, tag.bitdepth or 0) if found["format"] == "WAV" and known is not None else found


def _complete_wave(found: dict[str, Any], size: int, bits: int) -> dict[str, Measured] | str:
    """The measurements of a WAV file of `size` bytes, unless it ends early."""
    second = found["rate"] * found["channels"] * bits / 8
    if not bits or found["duration"] * second <= size:
        return found
    if found["duration"] * second < _ENDLESS:
        return f"it is cut off: {found['duration']:,.2f} s need more than its {size:,} bytes"
    return {**found, "duration": round(size / second, 4)}


def _reason(error: Exception) -> str:
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno is not None:
        raise cause  # of the disk: it says nothing about the content
    if isinstance(cause, struct.error):
        return "it is cut off or damaged"
    return str(error).partition("\n")[0].strip()[:200] or "it is damaged"


def _format(head: bytes) -> str:
    return next((name for at, magic, name in _FORMATS if head.startswith(magic, at)), "MP3")
