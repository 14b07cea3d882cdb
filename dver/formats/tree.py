"""Trees: the sorted entries of one directory (docs/format/tree.md).

A tree is written in columns, so a directory of thousands of entries is decoded by a few bulk operations, and compresses
well. A directory with more than `LEAF_MAX` entries is a list of shards. The names decide the cuts, so one new file in a
flat directory of a million changes one shard and the list.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate, pairwise
from struct import Struct, pack, unpack
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import Oid
from dver.formats.cursor import SIZE_MAX, Cursor
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind

MAGIC: Final = b"DVTR"
VERSION: Final = 1
LEAF_MAX: Final = 10_000
"""The most entries of a directory without shards."""
SHARD_MASK: Final = 0xFFF
"""A shard ends after a name whose XXH3 has these bits clear: 4,096 entries on average."""
SHARD_MAX: Final = 16_384
"""The most entries of a shard."""
NAME_MAX: Final = 255

_LEAF: Final = 0
_SHARDED: Final = 1
_HEAD: Final = Struct("<BI")


class Kind(IntEnum):
    FILE = 0
    EXECUTABLE = 1
    SYMLINK = 2
    DIRECTORY = 3


class Entry(NamedTuple):
    """One name in a directory. `size` is in bytes (for a link, of its target). `files` counts files and links."""

    name: bytes
    kind: Kind
    oid: Oid
    size: int
    files: int = 1

    @property
    def object_kind(self) -> ObjectKind:
        """The kind of the object that `oid` names."""
        return ObjectKind.TREE if self.kind is Kind.DIRECTORY else ObjectKind.BLOB

    def ref(self, path: bytes = b"") -> ObjectRef:
        """The object of the entry, at `path`."""
        return ObjectRef(self.oid, self.object_kind, path, self.size)


def entry_of(path: bytes, kind: ObjectKind, oid: Oid, size: int, files: int, *, executable: bool) -> Entry:
    """The entry that a directory would have for the object at `path`."""
    name = os.path.basename(path)
    if kind is ObjectKind.TREE:
        return Entry(name, Kind.DIRECTORY, oid, size, files)
    return Entry(name, Kind.EXECUTABLE if executable else Kind.FILE, oid, size)


class Shard(NamedTuple):
    """A run of consecutive entries of a large directory, stored as a leaf of its own."""

    first: bytes
    oid: Oid
    size: int
    files: int
    entries: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """A directory, or one shard of it."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Sharded:
    shards: tuple[Shard, ...]


type_of_kind: Final = tuple(Kind)


def encode_leaf(entries: Sequence[Entry]) -> bytes:
    """The bytes of a leaf with `entries`, which must be sorted by name."""
    directories = [entry.files for entry in entries if entry.kind == Kind.DIRECTORY]
    return b"".join(
        (
            MAGIC,
            bytes((VERSION,)),
            _HEAD.pack(_LEAF, len(entries)),
            bytes([entry.kind for entry in entries]),
            b"".join([entry.oid for entry in entries]),
            pack(f"<{len(entries)}Q", *[entry.size for entry in entries]),
            pack(f"<{len(directories)}Q", *directories),
            _encode_names([entry.name for entry in entries]),
        )
    )


def encode_sharded(shards: Sequence[Shard]) -> bytes:
    """The bytes of the list of `shards` of a large directory."""
    count = len(shards)
    return b"".join(
        (
            MAGIC,
            bytes((VERSION,)),
            _HEAD.pack(_SHARDED, count),
            b"".join([shard.oid for shard in shards]),
            pack(f"<{count}Q", *[shard.size for shard in shards]),
            pack(f"<{count}Q", *[shard.files for shard in shards]),
            pack(f"<{count}I", *[shard.entries for shard in shards]),
            _encode_names([shard.first for shard in shards]),
        )
    )


def decode(content: bytes | memoryview) -> Leaf | Sharded:
    """The tree that `content` encodes. Raises CorruptError for anything that `encode_…` would not have written."""
    cursor = Cursor(content, "tree")
    cursor.expect(MAGIC, VERSION)
    form, count = cursor.unpack(_HEAD)
    if form == _LEAF:
        return _decode_leaf(cursor, count)
    if form == _SHARDED:
        return _decode_sharded(cursor, count)
    raise CorruptError(f"a tree of the unknown form {form}")


def oids_of_leaf(content: bytes) -> list[Oid]:
    """The oids of the entries of a leaf that this process has encoded, without decoding the rest."""
    cursor = Cursor(content, "tree")
    cursor.expect(MAGIC, VERSION)
    _, count = cursor.unpack(_HEAD)
    cursor.take(count)
    return cursor.oids(count)


def write_directory(entries: Sequence[Entry], emit: Callable[[Oid, bytes], None]) -> Oid:
    """Encode a directory, and pass its tree objects to `emit`, shards before their list. Returns the root's oid."""
    if len(entries) <= LEAF_MAX:
        return _emit(encode_leaf(entries), emit)
    shards = []
    for run in cut(entries):
        oid = _emit(encode_leaf(run), emit)
        shards.append(_shard_of(run, oid))
    return _emit(encode_sharded(shards), emit)


def read_directory(
    read: Callable[[Oid], bytes], oid: Oid, shards: MutableMapping[Oid, Leaf] | None = None
) -> list[Entry]:
    """All entries of the directory `oid`. `read` returns tree objects. Raises CorruptError.

    `shards` caches shards, for callers that read several versions of a directory.
    """
    found = decode(read(oid))
    if isinstance(found, Leaf):
        if len(found.entries) > LEAF_MAX:
            raise CorruptError(f"tree {oid.short} should have been written as shards")
        return list(found.entries)
    entries: list[Entry] = []
    for shard in found.shards:
        known = shards.get(shard.oid) if shards is not None else None
        part = _checked(oid, shard, known or decode(read(shard.oid)))
        if shards is not None:
            shards[shard.oid] = part
        entries += part.entries
    if [len(run) for run in cut(entries)] != [shard.entries for shard in found.shards]:
        raise CorruptError(f"tree {oid.short} is cut at the wrong names")
    if any(a.name >= b.name for a, b in pairwise(entries)):
        raise CorruptError(f"tree {oid.short} has names that are not sorted")
    return entries


def read_shard(oid: Oid, shards: Sequence[Shard], at: int, content: bytes) -> tuple[Entry, ...]:
    """The entries of shard number `at` of the directory `oid`, from its `content`. Raises CorruptError.

    All shards one after the other are what `read_directory` returns, with the same checks.
    """
    entries = _checked(oid, shards[at], decode(content)).entries
    is_last = at + 1 == len(shards)
    if not is_last and entries[-1].name >= shards[at + 1].first:
        raise CorruptError(f"tree {oid.short} has names that are not sorted")
    is_cut = len(entries) == SHARD_MAX or not xxh3_64_intdigest(entries[-1].name) & SHARD_MASK
    if len(next(cut(entries))) != len(entries) or not (is_last or is_cut):
        raise CorruptError(f"tree {oid.short} is cut at the wrong names")
    return entries


def read_entries(read: Callable[[Oid], bytes], oid: Oid, names: Collection[bytes]) -> dict[bytes, Entry]:
    """The entries `names` of the directory `oid`. Of a large directory, reads only the shards that may list them.

    Raises CorruptError.
    """
    found = decode(read(oid))
    if isinstance(found, Leaf):
        return {entry.name: entry for entry in found.entries if entry.name in names}
    firsts = [shard.first for shard in found.shards]
    entries: dict[bytes, Entry] = {}
    for at in sorted({max(bisect_right(firsts, name) - 1, 0) for name in names}):
        shard = found.shards[at]
        part = _checked(oid, shard, decode(read(shard.oid)))
        entries.update({entry.name: entry for entry in part.entries if entry.name in names})
    return entries


def cut(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """The runs of `entries` that become shards. The cuts depend on names only, mostly on each name alone."""
    start = 0
    for index, entry in enumerate(entries):
        length = index + 1 - start
        if length == SHARD_MAX or not xxh3_64_intdigest(entry.name) & SHARD_MASK:
            yield entries[start : index + 1]
            start = index + 1
    if start < len(entries):
        yield entries[start:]


def totals(entries: Sequence[Entry]) -> tuple[int, int]:
    """The bytes, and the number of files and links, below a directory with `entries`."""
    return sum([entry.size for entry in entries]), sum([entry.files for entry in entries])


_UNSEEN: Final = re.compile(rb"\xe2\x80[\x8c-\x8f\xaa-\xae]|\xe2\x81[\xaa-\xaf]|\xef\xbb\xbf")
"""In UTF-8: U+200C to U+200F, U+202A to U+202E, U+206A to U+206F and U+FEFF."""


def forbidden_name(name: bytes) -> str | None:
    """The reason why `name` is not allowed in a workspace, or None."""
    if name in (b"", b".", b".."):
        return "it names no file"
    if b"/" in name or b"\0" in name:
        return "it contains a slash or a zero byte"
    if len(name) > NAME_MAX:
        return f"it is longer than {NAME_MAX} bytes"
    if is_suspicious(name) and any(_plain(part) in (b".git", b"git~1") for part in name.split(b"\\")):
        return "it would be taken for a Git repository"
    return None


def is_suspicious(name: bytes) -> bool:
    """May a file system take `name` for `.git`? A quick check without false negatives."""
    return b"git" in name.lower() or b"\xe2" in name or b"\xef" in name


def _plain(name: bytes) -> bytes:
    """`name` without everything that file systems ignore: NTFS ignores case, the end and a stream, HFS+ some invisible
    characters."""
    return _UNSEEN.sub(b"", name).partition(b":")[0].rstrip(b" .").lower()


def _checked(oid: Oid, shard: Shard, decoded: Leaf | Sharded) -> Leaf:
    """The decoded shard of the directory `oid`, if it is the one that the directory lists."""
    if not isinstance(decoded, Leaf) or shard != _shard_of(decoded.entries, shard.oid):
        raise CorruptError(f"tree {oid.short} lists a shard with other contents")
    return decoded


def _shard_of(entries: Sequence[Entry], oid: Oid) -> Shard:
    size, files = totals(entries)
    return Shard(entries[0].name if entries else b"", oid, size, files, len(entries))


def _emit(content: bytes, emit: Callable[[Oid, bytes], None]) -> Oid:
    oid = Oid.of(content)
    emit(oid, content)
    return oid


def _encode_names(names: Sequence[bytes]) -> bytes:
    return pack(f"<{len(names)}H", *[len(name) for name in names]) + b"".join(names)


def _decode_leaf(cursor: Cursor, count: int) -> Leaf:
    raw_kinds = bytes(cursor.take(count))
    if count and max(raw_kinds) > Kind.DIRECTORY:
        raise NewerVersionError("a tree entry of an unknown kind")
    kinds = [type_of_kind[kind] for kind in raw_kinds]
    oids = cursor.oids(count)
    sizes = unpack(f"<{count}Q", cursor.take(8 * count))
    directories = raw_kinds.count(Kind.DIRECTORY)
    counts = unpack(f"<{directories}Q", cursor.take(8 * directories))
    names = _decode_names(cursor, count)
    cursor.finish()
    if sum(sizes) > SIZE_MAX or sum(counts) + count > SIZE_MAX:
        raise CorruptError("a tree larger than any disk")
    below = iter(counts)
    files = [next(below) if kind is Kind.DIRECTORY else 1 for kind in kinds] if directories else [1] * count
    return Leaf(tuple(map(Entry, names, kinds, oids, sizes, files)))


def _decode_sharded(cursor: Cursor, count: int) -> Sharded:
    if count == 0:
        raise CorruptError("a sharded tree without shards")
    oids = cursor.oids(count)
    sizes = unpack(f"<{count}Q", cursor.take(8 * count))
    files = unpack(f"<{count}Q", cursor.take(8 * count))
    entries = unpack(f"<{count}I", cursor.take(4 * count))
    firsts = _decode_names(cursor, count)
    cursor.finish()
    if sum(sizes) > SIZE_MAX or sum(files) > SIZE_MAX or sum(entries) <= LEAF_MAX or 0 in entries:
        raise CorruptError("a sharded tree with impossible totals")
    return Sharded(tuple(map(Shard, firsts, oids, sizes, files, entries)))


def _decode_names(cursor: Cursor, count: int) -> list[bytes]:
    lengths = unpack(f"<{count}H", cursor.take(2 * count))
    ends = list(accumulate(lengths, initial=0))
    column = bytes(cursor.take(ends[-1]))
    names = [column[start:end] for start, end in pairwise(ends)]
    if any(a >= b for a, b in pairwise(names)):
        raise CorruptError("a tree whose names are not sorted")
    suspicious = b"/" in column or b"\0" in column or is_suspicious(column) or 0 in lengths or b"." in names
    if suspicious or b".." in names or (lengths and max(lengths) > NAME_MAX):
        for name in names:
            if reason := forbidden_name(name):
                raise CorruptError(f"a tree with the name {name[:80]!r}", why=reason)
    return names
