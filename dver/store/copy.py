"""Copies objects from one store on this machine to another."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dver.core.batches import batched
from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats.objectref import ObjectKey
from dver.formats.pack import Codec, ObjectKind
from dver.formats.recipe import Recipe
from dver.formats.tree import Leaf, Sharded
from dver.store.objects.bulk_reader import StoreReader
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.store.trees.reachable import walk
from dver.store.writer import StoreWriter

_AT_ONCE: Final = 256
"""Small objects that are in memory at once."""


def copy_objects(roots: Iterable[ObjectKey], source: Store, target: Store, *, mode: LinkMode, task: Task) -> None:
    """Copy what `roots` reach from `source` to `target`, verified, as far as `source` has it undamaged.

    Large blobs share disk space where `mode` and the disk allow it. `task` advances by the bytes of contents.
    """
    with StoreWriter(target) as writer:
        for batch in walk(roots, _Trees(source), lambda _, oids: target.index.complete(oids)):
            missing = list(writer.missing(batch.oids))
            for part in batched(missing, _AT_ONCE):
                _copy_small(part, batch.kind, source, writer, task)
            if batch.kind is ObjectKind.BLOB:
                for oid in _large(missing, source):
                    _copy_large(oid, source, writer, mode, task)


class _Trees:
    """Reads the trees of a store, and no recipes: large blobs are copied as a whole."""

    def __init__(self, store: Store) -> None:
        self._reader = StoreReader(store, set())

    def trees(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        """See `Reader`."""
        return self._reader.trees(oids)

    def recipes(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Recipe]]:
        """See `Reader`."""
        return iter(())


def _copy_small(oids: Sequence[Oid], kind: ObjectKind, source: Store, writer: StoreWriter, task: Task) -> None:
    found = [one for one in source.locate(oids) if one.codec is not Codec.CHUNKED]
    for one, content in source.read_all(found):
        if isinstance(content, CorruptError):  # the remote may have a good copy
            continue
        if kind is ObjectKind.TREE:
            writer.add_tree(one.oid, content)
        else:
            writer.add_blobs([(one.oid, content)])
            task.advance(len(content))


def _large(oids: Sequence[Oid], source: Store) -> Iterator[Oid]:
    """Those of `oids` that the store has as chunks or as a loose file."""
    in_packs = source.locate(oids)
    yield from (one.oid for one in in_packs if one.codec is Codec.CHUNKED)
    yield from source.loose.present(set(oids) - {one.oid for one in in_packs})


def _copy_large(oid: Oid, source: Store, writer: StoreWriter, mode: LinkMode, task: Task) -> None:
    try:
        if source.loose.present((oid,)) and not mode.shares_file:
            with source.loose.open(oid) as file:  # a reflink, if the disk has them
                writer.add_large(file.fileno(), mode, path=os.fsencode(source.loose.path(oid)), read=task.advance)
        elif mode.wants_loose(writer.store.scratch):
            # Never a hard link: its owner may delete or change the other store's file.
            writer.add_loose(oid, _reported(source.stream(oid), task))
        else:
            writer.add_stream(_reported(source.stream(oid), task))
    except (CorruptError, MissingObjectError):
        return  # the caller finds it missing; the remote may have a good copy


def _reported(pieces: Iterable[bytes], task: Task) -> Iterator[bytes]:
    for piece in pieces:
        task.advance(len(piece))
        yield piece
