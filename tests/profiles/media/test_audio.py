"""What is measured of recordings."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from dver.profiles.media.audio import measure_audio

SAMPLES = np.random.default_rng(7).normal(size=(8000, 2)) * 0.1


def recorded(form: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, SAMPLES, 16_000, format=form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_recording_has_duration_rate_and_channels(form: str) -> None:
    found = measure_audio(io.BytesIO(recorded(form)))
    assert isinstance(found, dict)
    assert found == {"format": form, "duration": found["duration"], "rate": 16_000, "channels": 2}
    assert found["duration"] == pytest.approx(0.5, abs=0.08 if form == "MP3" else 0.0001)


def test_a_truncated_wav_is_unreadable() -> None:
    content = recorded("WAV")
    found = measure_audio(io.BytesIO(content[: len(content) // 2]))
    assert found == "it is cut off: 0.50 s need more than its 16,022 bytes"


def test_a_wav_of_unknown_length_lasts_as_long_as_its_bytes() -> None:
    content = bytearray(recorded("WAV"))
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", 0xFFFFFFFF)
    found = measure_audio(io.BytesIO(bytes(content)))
    assert isinstance(found, dict)
    assert found["duration"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG"])
def test_a_header_alone_is_unreadable(form: str) -> None:
    found = measure_audio(io.BytesIO(recorded(form)[:20]))
    assert isinstance(found, str)
    assert found


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "it is empty"), (b"no audio at all", "not audio that tinytag can read")]
)
def test_other_files_are_unreadable(content: bytes, why: str) -> None:
    assert measure_audio(io.BytesIO(content)) == why


def test_bytes_flipped_anywhere_give_an_answer() -> None:
    seeded = np.random.default_rng(3)
    for form in ("WAV", "FLAC", "OGG", "MP3"):
        content = recorded(form)[:4000]
        for _ in range(50):
            damaged = bytearray(content)
            for at in seeded.integers(0, 200, 5):
                damaged[at] = seeded.integers(0, 256)
            assert measure_audio(io.BytesIO(bytes(damaged)))
