"""Collections of millions of oids in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from dver.core.oid import SIZE, Oid

_PREFIX: Final = 16
"""Bytes of an oid that are stored. To find two objects that share them is not feasible."""
_PARTS: Final = 16


class OidSet:
    """A set that only grows: about a hundred bytes for each oid. A plain set needs twice as much."""

    def __init__(self) -> None:
        # Split, since a set that grows needs its memory twice for a moment.
        self._parts: list[set[int]] = [set() for _ in range(_PARTS)]

    def __contains__(self, oid: object) -> bool:
        return isinstance(oid, bytes) and int.from_bytes(oid[:_PREFIX], "big") in self._parts[oid[0] % _PARTS]

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def fresh(self, oids: Iterable[Oid]) -> list[Oid]:
        """Add `oids`. Returns those that are new, in order and each once."""
        parts, found = self._parts, []
        for oid in oids:
            part, number = parts[oid[0] % _PARTS], int.from_bytes(oid[:_PREFIX], "big")
            if number not in part:
                part.add(number)
                found.append(oid)
        return found


class OidList:
    """A list that only grows: 32 bytes for each oid."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __len__(self) -> int:
        return len(self._bytes) // SIZE

    def __iter__(self) -> Iterator[Oid]:
        for at in range(0, len(self._bytes), SIZE):
            yield Oid(self._bytes[at : at + SIZE])

    def extend(self, oids: Iterable[Oid]) -> None:
        self._bytes += b"".join(oids)
