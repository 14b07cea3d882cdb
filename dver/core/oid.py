"""Object ids: the BLAKE3-256 digest of an object's content."""

from __future__ import annotations

import re
from typing import Final, Self

from blake3 import blake3

from dver.core.errors import CorruptError, NewerVersionError

ALGORITHM: Final = "blake3"
SIZE: Final = 32

_TEXT: Final = re.compile(r"([a-z0-9]+):([0-9a-f]+)")
_DIGITS: Final = re.compile(r"[0-9a-f]{64}")


class Oid(bytes):
    """The id of an object: 32 raw bytes, written as `blake3:` and 64 hexadecimal digits.

    A subclass of `bytes`: millions of ids compare, sort and hash at the speed of C, and the type checker rejects plain
    `bytes` and `str`.
    """

    __slots__ = ()

    @classmethod
    def of(cls, content: bytes | memoryview) -> Self:
        return cls(blake3(content).digest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """The id written as `text`, such as `blake3:af13…`. Raises CorruptError for any other text."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise CorruptError(f"not an object id: {text[:80]!r}", why="expected blake3: and 64 hexadecimal digits")
        if match[1] != ALGORITHM:
            raise NewerVersionError(f"object id uses the hash {match[1]!r}", why=f"this dver knows {ALGORITHM} only")
        if len(match[2]) != 2 * SIZE:
            raise CorruptError(f"not an object id: {text[:80]!r}", why="expected 64 hexadecimal digits")
        return cls(bytes.fromhex(match[2]))

    @classmethod
    def from_hex(cls, digits: str) -> Self | None:
        """The id that `hex()` writes as `digits`; None for any other text."""
        # bytes.fromhex() also accepts spaces and any length.
        return cls(bytes.fromhex(digits)) if _DIGITS.fullmatch(digits) else None

    def __str__(self) -> str:
        return f"{ALGORITHM}:{self.hex()}"

    def __repr__(self) -> str:
        return f"Oid({self.hex()[:12]}…)"

    @property
    def short(self) -> str:
        """The first twelve hexadecimal digits, for messages only."""
        return self.hex()[:12]
