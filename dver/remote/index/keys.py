"""Keys of packs, indexes, condemned lists, run cache batches and repository entries on a remote."""

from __future__ import annotations

from typing import Final

from dver.core.oid import Oid

PACKS: Final = "packs/"
INDEXES: Final = "indexes/"
"""Prefix of the keys of all metadata, so that one list request shows everything but the packs."""
PACK_SUFFIX: Final = ".pack"
INDEX_SUFFIX: Final = ".idx"
CONDEMNED_SUFFIX: Final = ".condemned"
RUNS_SUFFIX: Final = ".runs"
REPOSITORY_SUFFIX: Final = ".repository"


def pack_key(name: Oid) -> str:
    """The key of the pack `name`."""
    return f"{PACKS}{name.hex()}{PACK_SUFFIX}"


def index_key(name: Oid) -> str:
    """The key of the index `name`."""
    return f"{INDEXES}{name.hex()}{INDEX_SUFFIX}"


def condemned_key(name: Oid) -> str:
    """The key of the condemned list `name`."""
    return f"{INDEXES}{name.hex()}{CONDEMNED_SUFFIX}"


def runs_key(name: Oid) -> str:
    """The key of the batch `name` of run cache entries."""
    return f"{INDEXES}{name.hex()}{RUNS_SUFFIX}"


def repository_key(name: Oid) -> str:
    """The key of the repository entry `name`."""
    return f"{INDEXES}{name.hex()}{REPOSITORY_SUFFIX}"


def parse_key(key: str, prefix: str, suffix: str) -> Oid | None:
    """The name between `prefix` and `suffix` in `key`; None if `key` is not made like that."""
    stem = key.removeprefix(prefix).removesuffix(suffix)
    return Oid.from_hex(stem) if key == f"{prefix}{stem}{suffix}" else None


def parse_index_key(key: str) -> Oid | None:
    """The name of the index under `key`; None if `key` is not that of an index."""
    return parse_key(key, INDEXES, INDEX_SUFFIX)
