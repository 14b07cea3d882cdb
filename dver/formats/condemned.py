"""Condemned lists: packs and indexes of a remote that gc is about to delete (docs/format/condemned.md).

A list is canonical JSON of one line, so that a person can read it. It is parsed by its one shape and never by a JSON
parser: there is nothing to nest, to repeat or to blow up. Its name on the remote is the BLAKE3 of its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import Oid

VERSION: Final = 1
SIZE_MAX: Final = 8 << 20
"""The largest size of a list in bytes."""
NAMES_MAX: Final = 100_000
"""The most names in one list; more names go into another one."""
AT_MAX: Final = 253_402_300_799
"""The last second of the year 9999."""

_VERSION: Final = re.compile(rb'\{"version":([1-9][0-9]{0,8}),')
_SHAPE: Final = re.compile(
    rb'\{"version":1,"at":(0|[1-9][0-9]{0,11}),"grace":(0|[1-9][0-9]{0,11}),"packs":\[("[^\]]*")?\],"indexes":\[("[^\]]*")?\]\}\n'
)
_NAME: Final = re.compile(rb'"[0-9a-f]{64}"')


@dataclass(frozen=True, slots=True)
class Condemned:
    """The packs and indexes that one gc condemned. `at` is in Unix seconds by the writer's clock, `grace` in seconds.

    They may be deleted after `at` and `grace` have passed.
    """

    at: int
    packs: tuple[Oid, ...] = ()
    indexes: tuple[Oid, ...] = ()
    grace: int = 0

    @property
    def due(self) -> int:
        """The earliest time of deletion, in Unix seconds."""
        return self.at + self.grace


def encode(at: int, packs: Iterable[Oid], indexes: Iterable[Oid], *, grace: int = 0) -> bytes:
    """The bytes of a list. Raises ValueError for too many names, or invalid times."""
    sides = sorted(set(packs)), sorted(set(indexes))
    if sum(map(len, sides)) > NAMES_MAX or not (0 <= at <= AT_MAX and 0 <= grace <= AT_MAX):
        raise ValueError(f"no condemned list can be of {sum(map(len, sides))} names at {at} for {grace} seconds")
    packed, indexed = (",".join([f'"{name.hex()}"' for name in side]) for side in sides)
    head = f'{{"version":{VERSION},"at":{at},"grace":{grace}'
    return f'{head},"packs":[{packed}],"indexes":[{indexed}]}}\n'.encode("ascii")


def decode(content: bytes) -> Condemned:
    """The list that `content` encodes. Raises CorruptError for anything that `encode` would not have written."""
    if len(content) > SIZE_MAX:
        raise CorruptError(f"a condemned list of {len(content):,} bytes", why=f"none is larger than {SIZE_MAX:,}")
    stated = _VERSION.match(content)
    if stated is None:
        raise CorruptError("not a condemned list", why="it does not begin with its version")
    if int(stated[1]) > VERSION:
        raise NewerVersionError.of_format("a condemned list", int(stated[1]), VERSION)
    match = _SHAPE.fullmatch(content)
    if match is None or int(match[1]) > AT_MAX or int(match[2]) > AT_MAX:
        raise CorruptError("a damaged condemned list")
    packs, indexes = _names(match[3]), _names(match[4])
    if len(packs) + len(indexes) > NAMES_MAX:
        raise CorruptError(f"a condemned list of more than {NAMES_MAX:,} names")
    return Condemned(int(match[1]), packs, indexes, int(match[2]))


def _names(text: bytes | None) -> tuple[Oid, ...]:
    if not text:
        return ()
    parts: Sequence[bytes] = text.split(b",")
    if not all(map(_NAME.fullmatch, parts)) or any(a >= b for a, b in pairwise(parts)):
        raise CorruptError("a condemned list with invalid or unsorted names")
    return tuple([Oid(bytes.fromhex(part[1:-1].decode("ascii"))) for part in parts])
