"""64-bit hashes of values, vectorised. They are part of the format: equal values have equal hashes everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST_EXACT: Final = 1 << 53
"""Larger whole numbers may be no doubles."""
_WORDS_MAX: Final = 16
"""Longer texts are hashed one by one."""
_TEXT_SEED: Final = 0x2545F4914F6CDD1D


def hashes_of_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """The hashes of an array of doubles, integers or booleans. An integer has the hash of the equal double."""

    doubles = values.astype("<f8")
    doubles += 0.0  # -0.0 becomes 0.0
    words = doubles.view("<u8")
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
        large = (values > _LARGEST_EXACT) | (values < -_LARGEST_EXACT)
        if large.any():
            words[large] = values[large].astype("<u8")
    return mixed(words)


def hashes_of_bytes(content: NDArray[Any], offsets: NDArray[Any]) -> NDArray[Any]:
    """The hashes of texts or bytes: text `i` is `content[offsets[i]:offsets[i + 1]]` (unsigned bytes, integers).

    The words of eight bytes (little-endian, the last one filled with zeros) of a text are mixed into its hash, one
    after the other; it begins with the length. Texts of more than 128 bytes have their XXH3 hash.
    """
    import numpy as np

    starts = offsets[:-1].astype(np.int64)
    lengths = np.diff(offsets.astype(np.int64))
    hashes = lengths.astype("<u8") ^ np.uint64(_TEXT_SEED)
    words = (lengths + 7) // 8
    long = np.flatnonzero(words > _WORDS_MAX)
    first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    padded = np.concatenate((content[first:last], np.zeros(8, "u1")))
    unaligned = np.ndarray((len(padded) - 7,), "<u8", buffer=padded, strides=(1,))
    starts -= first
    for word in range(min(int(words.max(initial=0)), _WORDS_MAX)):
        chosen = np.flatnonzero((words > word) & (words <= _WORDS_MAX))
        missing = np.clip(8 - (lengths[chosen] - 8 * word), 0, 8).astype("<u8") * np.uint64(8)
        taken = unaligned[starts[chosen] + 8 * word] & (np.uint64(0xFFFFFFFFFFFFFFFF) >> missing)
        hashes[chosen] = mixed(hashes[chosen] ^ taken)
    for at in long.tolist():
        hashes[at] = _long_hash(padded[starts[at] : starts[at] + lengths[at]])
    return hashes


def hashes_of_texts(texts: list[str]) -> NDArray[Any]:
    """The hashes of a list of texts: those of their UTF-8 bytes."""
    import numpy as np

    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in encoded], dtype=np.int64)))
    return hashes_of_bytes(np.frombuffer(b"".join(encoded), "u1"), offsets)


def _long_hash(content: NDArray[Any]) -> int:
    import xxhash

    return int(xxhash.xxh3_64_intdigest(content.tobytes()))


def mixed(words: NDArray[Any]) -> NDArray[Any]:
    """Splitmix64's mixing of each word."""
    import numpy as np

    found = words + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        found ^= found >> np.uint64(shift)
        found *= np.uint64(factor)
    found ^= found >> np.uint64(31)
    return found
