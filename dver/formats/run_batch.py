"""Batches of run cache entries on remotes (docs/format/run.md).

A batch is compressed JSON; its name is the BLAKE3 of its bytes.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from dver.core.batches import batched_by_size
from dver.core.errors import CorruptError, NewerVersionError
from dver.formats import run_record

MAGIC: Final = b"dver runs 1\n"
MAX_SIZE: Final = 64 << 20
"""The largest unpacked size of a batch in bytes."""
_FULL: Final = 8 << 20
"""The size in bytes at which a batch is closed."""
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_HEAD: Final = re.compile(rb"dver runs ([1-9][0-9]{0,8})\n")


@dataclass(frozen=True, slots=True)
class Run:
    """A cached run: its key, a lock file with the one stage, and the record."""

    key: str
    entry: bytes
    record: bytes

    @property
    def ended(self) -> float:
        """Its end in Unix seconds. Of two runs with one key, the later counts. Raises CorruptError."""
        return run_record.decode(self.record).ended


def batches(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """Groups of `runs` that each make a batch."""
    return batched_by_size(runs, lambda run: len(run.entry) + len(run.record), _FULL)


def encode(runs: Iterable[Run]) -> bytes:
    """The bytes of a batch of `runs`, which do not depend on their order."""
    said = [[run.key, _text(run.entry), _text(run.record)] for run in sorted(runs, key=lambda run: run.key)]
    return MAGIC + zlib.compress(json.dumps(said, separators=(",", ":")).encode(), 6)


def decode(content: bytes) -> list[Run]:
    """The runs in a batch. Does not decode their files. Raises CorruptError."""
    head = _HEAD.match(content)
    if head is None:
        raise CorruptError("not a batch of runs", why="it does not begin with its version")
    if int(head[1]) > 1:
        raise NewerVersionError.of_format("a batch of runs", int(head[1]), 1)
    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(content[head.end() :], MAX_SIZE)
        if not unpacker.eof or unpacker.unused_data:
            raise CorruptError("a batch of runs with extra bytes")
        found = json.loads(raw)
    except (zlib.error, ValueError, RecursionError) as error:
        raise CorruptError("a damaged batch of runs", why=str(error)) from None
    if not isinstance(found, list):
        raise CorruptError("a batch of runs that is not a list")
    return [_run(one) for one in found]


def _run(said: Any) -> Run:
    match said:
        case [str(key), str(entry), str(record)] if _KEY.fullmatch(key):
            return Run(key, _bytes(entry), _bytes(record))
    raise CorruptError("a batch of runs with an invalid entry")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise CorruptError("a batch of runs with invalid text", why=str(error)) from None
