"""Reading trees and recipes of the store in bulk, for walks below roots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import tree
from dver.formats.pack import Codec
from dver.formats.recipe import Recipe
from dver.formats.tree import Leaf, Sharded
from dver.store.objects.frames import ObjectLocation


class ObjectSource(Protocol):
    """The part of a `Store` by which objects are read in bulk. It keeps this module below the store."""

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that the store holds."""
        ...

    def locate(self, oids: Iterable[Oid]) -> list[ObjectLocation]:
        """The locations of those of `oids` that are in packs."""
        ...

    def read_all(self, found: Sequence[ObjectLocation]) -> Iterator[tuple[ObjectLocation, bytes | CorruptError]]:
        """The contents of objects that `locate` found and that are not chunked."""
        ...

    def recipes(self, oids: Iterable[Oid]) -> Iterator[tuple[Oid, Recipe | CorruptError]]:
        """The recipes of those of `oids` that are chunked."""
        ...


class StoreReader:
    """Reads trees and recipes of `store`. A corrupt one raises CorruptError, or is added to `damaged` if given."""

    def __init__(self, store: ObjectSource, damaged: set[Oid] | None = None) -> None:
        self._store = store
        self._damaged = damaged

    def trees(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        located = self._store.locate(oids)
        chunked = [
            (one, CorruptError(f"object {one.oid.short} is not a tree"))
            for one in located
            if one.codec is Codec.CHUNKED
        ]
        rest = self._store.read_all([one for one in located if one.codec is not Codec.CHUNKED])
        for found, content in chain(chunked, rest):
            try:
                if isinstance(content, CorruptError):
                    raise content
                yield found.oid, tree.decode(content)
            except CorruptError as error:
                self._report(found.oid, error)

    def recipes(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Recipe]]:
        for oid, found in self._store.recipes(oids):
            if isinstance(found, CorruptError):
                self._report(oid, found)
            else:
                yield oid, found

    def _report(self, oid: Oid, error: CorruptError) -> None:
        if self._damaged is None:
            raise error
        self._damaged.add(oid)
