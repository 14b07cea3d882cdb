"""A cursor over untrusted bytes. It never reads past the end, and never allocates memory for a stated length."""

from __future__ import annotations

from struct import Struct
from typing import Final

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import SIZE as OID_SIZE
from dver.core.oid import Oid

SIZE_MAX: Final = 2**63 - 1
"""The largest valid size or count: the largest integer of SQLite, and more than any disk."""


class Cursor:
    """Reads fields from the front of `content`. Missing or extra bytes are a CorruptError that names `what`."""

    __slots__ = ("_at", "_content", "_what")

    def __init__(self, content: bytes | memoryview, what: str) -> None:
        self._content = memoryview(content)
        self._what = what
        self._at = 0

    def take(self, length: int) -> memoryview:
        end = self._at + length
        if end > len(self._content):
            raise CorruptError(f"a truncated {self._what}", why=f"{end} bytes expected, {len(self._content)} found")
        part = self._content[self._at : end]
        self._at = end
        return part

    def unpack(self, form: Struct) -> tuple[int, ...]:
        return form.unpack(self.take(form.size))

    def oids(self, count: int) -> list[Oid]:
        column = bytes(self.take(OID_SIZE * count))
        return [Oid(column[at : at + OID_SIZE]) for at in range(0, len(column), OID_SIZE)]

    def expect(self, magic: bytes, version: int) -> None:
        """Read `magic` and a version that this code supports."""
        if bytes(self.take(len(magic))) != magic:
            raise CorruptError(f"not a {self._what}", why=f"it does not begin with {magic!r}")
        found = self.take(1)[0]
        if found > version:
            raise NewerVersionError.of_format(f"a {self._what}", found, version)
        if found != version:
            raise CorruptError(f"a {self._what} of the unknown format version {found}")

    def finish(self) -> None:
        """Check that no bytes are left."""
        if self._at != len(self._content):
            raise CorruptError(f"{len(self._content) - self._at} extra bytes after a {self._what}")
