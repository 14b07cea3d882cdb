"""Lists of directories. Those of a large one are decoded part by part: a million entries would take 500 MB."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain, repeat
from typing import Final, overload

from dver.access.files import FileInfo, FileKind
from dver.core.garbage_collector import collector_paused
from dver.core.oid import Oid
from dver.formats import tree
from dver.formats.tree import Entry, Kind, Shard

_KINDS: Final[Mapping[Kind, FileKind]] = {
    Kind.FILE: "file",
    Kind.EXECUTABLE: "file",
    Kind.SYMLINK: "link",
    Kind.DIRECTORY: "directory",
}


class LargeDirectory(Sequence[FileInfo]):
    """The files in a directory of many, sorted by name.

    `shards` and their `contents` are those of the directory `oid`; `prefix` is the path of the directory, empty or with
    a slash at its end. Raises CorruptError for a wrong shard when it is read.
    """

    def __init__(self, prefix: str, oid: Oid, shards: Sequence[Shard], contents: Sequence[bytes]) -> None:
        self._prefix = prefix
        self._oid = oid
        self._shards = shards
        self._contents = contents
        self._starts = list(accumulate((shard.entries for shard in shards), initial=0))
        self._decoded: tuple[int, list[FileInfo]] = (-1, [])

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[FileInfo]:
        return chain.from_iterable(map(self._infos, range(len(self._shards))))

    @overload
    def __getitem__(self, at: int) -> FileInfo: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[FileInfo]: ...

    def __getitem__(self, at: int | slice) -> FileInfo | Sequence[FileInfo]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        index = range(len(self))[at]
        shard = bisect_right(self._starts, index) - 1
        known, infos = self._decoded
        if known != shard:
            infos = self._infos(shard)
            self._decoded = (shard, infos)
        return infos[index - self._starts[shard]]

    def __repr__(self) -> str:
        return f"<{len(self):,} files in {self._prefix or './'}>"

    def paths(self) -> list[str]:
        """The paths alone, which is quicker."""
        return list(chain.from_iterable(map(self._part_paths, range(len(self._shards)))))

    def _infos(self, at: int) -> list[FileInfo]:
        with collector_paused():
            return list(infos_of(self._prefix, self._entries(at)))

    def _part_paths(self, at: int) -> list[str]:
        with collector_paused():
            return _paths(self._prefix, self._entries(at))

    def _entries(self, at: int) -> Sequence[Entry]:
        return tree.read_shard(self._oid, self._shards, at, self._contents[at])


def infos_of(prefix: str, entries: Sequence[Entry]) -> Iterator[FileInfo]:
    """The files that `entries` describe, in the directory whose path is `prefix`."""
    if not entries:
        return iter(())
    _, kinds, oids, sizes, _ = zip(*entries, strict=True)
    executable = [kind is Kind.EXECUTABLE for kind in kinds]
    return map(FileInfo, _paths(prefix, entries), map(_KINDS.__getitem__, kinds), sizes, oids, executable, repeat(True))


def _paths(prefix: str, entries: Sequence[Entry]) -> list[str]:
    """The paths of `entries`. Decodes all names at once; none contains a zero byte."""
    names = os.fsdecode(b"\0".join([entry.name for entry in entries]))
    return (prefix + names.replace("\0", f"\0{prefix}")).split("\0") if entries else []
