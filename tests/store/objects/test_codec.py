"""Which contents are kept compressed."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from dver.formats.pack import Codec
from dver.store.objects.codec import Encoder

KIB = 1 << 10
TEXT = b"".join(b"%d,%d\n" % (number, number * number) for number in range(20_000))


def noise_and_text(noise_at: int, *, size: int = 300 * KIB) -> bytes:
    """Text with 40 KiB of noise at one place, as programs have their tables."""
    content = bytearray(TEXT[:size])
    content[noise_at : noise_at + 40 * KIB] = os.urandom(40 * KIB)
    return bytes(content)


@pytest.mark.parametrize("noise_at", [0, 100 * KIB, 130 * KIB, 250 * KIB])
def test_some_noise_anywhere_does_not_keep_the_rest_from_being_compressed(noise_at: int) -> None:
    codec, payload = Encoder().encode(noise_and_text(noise_at, size=290 * KIB))
    assert codec is Codec.ZSTD
    assert len(payload) < 200 * KIB


def test_numbers_whose_bytes_are_distributed_unevenly_are_compressed() -> None:
    source = random.Random(1)
    exponents = source.choices(b"\x3b\x3c\x3c\x3d\xbc\xbc\xbd", k=100 * KIB)
    weights = bytes(byte for pair in zip(source.randbytes(100 * KIB), exponents, strict=True) for byte in pair)
    assert Encoder().encode(weights)[0] is Codec.ZSTD


@pytest.mark.parametrize("size", [0, 1, 100, 5000, 300 * KIB])
def test_noise_is_kept_as_it_is(size: int) -> None:
    noise = os.urandom(size)
    assert Encoder().encode(noise) == (Codec.RAW, noise)


def test_what_would_not_save_a_tenth_is_kept_as_it_is() -> None:
    content = os.urandom(95 * KIB) + bytes(5 * KIB)
    assert Encoder().encode(content) == (Codec.RAW, content)


def test_threads_share_an_encoder() -> None:
    encoder = Encoder()
    contents = [noise_and_text(1000 * number) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(encoder.encode, contents)) == [encoder.encode(content) for content in contents]
