"""Measurements of a text, without regard to its language, in bounded memory."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from dver.formats.measurements import Measured, MeasurementType

TYPES: Final[Mapping[str, MeasurementType]] = {
    "encoding": MeasurementType.TEXT,
    "characters": MeasurementType.COUNT,
    "words": MeasurementType.COUNT,
    "lines": MeasurementType.COUNT,
    "tokens": MeasurementType.COUNT,
    "letters": MeasurementType.NUMBER,
    "digits": MeasurementType.NUMBER,
    "whitespace": MeasurementType.NUMBER,
    "encoding_errors": MeasurementType.COUNT,
}
"""Words are separated by whitespace. Tokens are runs of letters and digits, single other characters, and single
characters of scripts without spaces between words. `letters`, `digits` and `whitespace` are shares of the
characters. `encoding_errors` are bytes that are not part of a character."""
_BLOCK: Final = 1 << 20
_LONGEST_WORD: Final = 1 << 16
"""A longer run without whitespace may be counted as several words."""
_IDEOGRAPHS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese."""
_TOKEN: Final = re.compile(rf"[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]+|[^\w\s]")
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32-LE"),
    (codecs.BOM_UTF32_BE, "UTF-32-BE"),
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"),
    (codecs.BOM_UTF16_BE, "UTF-16-BE"),
)


def measure_text(file: BinaryIO) -> dict[str, Measured] | str:
    """The measurements of a text; or why it is unreadable."""
    encoding, mark = _encoding(file.read(4))
    file.seek(len(mark))
    seen: Counter[str] = Counter()
    words = tokens = lines = 0
    last = ""
    try:
        for text in _parts(file, encoding):
            words += len(text.split())
            tokens += len(_TOKEN.findall(text))
            lines += _line_ends(text, last)
            last = text[-1]
            seen.update(text)
    except ValueError as error:
        return str(error)
    return {
        "encoding": encoding,
        **_shares(seen, encoding),
        "words": words,
        "lines": lines + (last not in ("", "\n", "\r")),
        "tokens": tokens,
    }


def _encoding(head: bytes) -> tuple[str, bytes]:
    return next(((name, mark) for mark, name in _MARKS if head.startswith(mark)), ("UTF-8", b""))


def _parts(file: BinaryIO, encoding: str) -> Iterator[str]:
    """The text in parts that end between words. A byte that is not part of a character is a lone surrogate."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape" if encoding == "UTF-8" else "replace")
    rest = ""
    while block := file.read(_BLOCK):
        if encoding == "UTF-8" and b"\0" in block:
            raise ValueError("it has null bytes: it is binary, or UTF-16 without a byte order mark")
        rest += decoder.decode(block)
        cut = _last_space(rest)
        if cut or len(rest) > _LONGEST_WORD:
            yield rest[: cut or len(rest)]
            rest = rest[cut:] if cut else ""
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _last_space(text: str) -> int:
    """The end of the last whitespace; 0 for a text without one."""
    if text[-1:].isspace() or not text:
        return len(text)
    return len(text) - len(text.rsplit(None, 1)[-1])


def _line_ends(text: str, before: str) -> int:
    r"""The line ends `\n`, `\r\n` and `\r` in `text`, which follows the character `before`."""
    ends = text.count("\n") + text.count("\r") - text.count("\r\n")
    return ends - (before == "\r" and text.startswith("\n"))


def _shares(seen: Counter[str], encoding: str) -> dict[str, Measured]:
    characters = sum(seen.values())
    # The decoders put these in place of bytes that are not part of a character.
    errors = sum(times for char, times in seen.items() if "\udc80" <= char <= "\udcff")
    errors += seen["\ufffd"] if encoding != "UTF-8" else 0
    found = {
        "letters": sum(times for char, times in seen.items() if char.isalpha()),
        "digits": sum(times for char, times in seen.items() if char.isdigit()),
        "whitespace": sum(times for char, times in seen.items() if char.isspace()),
    }
    shares = {name: round(number / characters, 4) if characters else None for name, number in found.items()}
    return {"characters": characters, "encoding_errors": errors, **shares}
