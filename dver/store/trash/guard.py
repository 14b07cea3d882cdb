"""Protects commands that name objects from a gc that runs at the same time, without a lock.

Before a gc moves anything, it creates its batch and writes `trash/last`. After it has moved everything, it reads again
what is needed, and restores that. A command looks at `last` and at unfinished batches before it relies on the store,
and again after it has named its objects: if a gc ran meanwhile, the command restores what it needs. So at least one of
the two notices the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from dver.core.oid import Oid
from dver.formats.objectref import ObjectKey
from dver.formats.pack import ObjectKind
from dver.store.objects.bulk_reader import ObjectSource, StoreReader
from dver.store.trash.trash import StoreFiles, batches, discard_if_empty, last_gc, restore_loose, restore_pack
from dver.store.trees.reachable import walk

Roots = Iterable[ObjectKey]


class GuardedStore(StoreFiles, ObjectSource, Protocol):
    """The part of a `Store` that is needed here. It keeps this module below the store, which restores objects too."""


class GcStamp(NamedTuple):
    """The traces of gcs at one moment. Two equal stamps without unfinished batches: no gc ran in between."""

    last: bytes
    unfinished: frozenset[str]


def gc_stamp(store: StoreFiles) -> GcStamp:
    """The traces of gcs now."""
    # In this order: a gc that begins between the two is unfinished, or has changed `last` for the next stamp.
    last = last_gc(store.trash)
    return GcStamp(last, frozenset(batch.name for batch in batches(store.trash) if not batch.finished))


class GcGuard:
    """Guards a command that relies on objects in the store and then names them in pointers. Create it first."""

    def __init__(self, store: GuardedStore) -> None:
        self._store = store
        self._before = gc_stamp(store)
        store.refresh()

    def recheck(self, roots: Roots) -> set[Oid]:
        """Restore what `roots` reach if a gc ran since. Call it after they are named. Returns the lost objects."""
        now = gc_stamp(self._store)
        if now.last == self._before.last and not self._before.unfinished and not now.unfinished:
            return set()
        return restore_needed(self._store, roots)


def restore_needed(store: GuardedStore, roots: Roots) -> set[Oid]:
    """Restore from the trash what `roots` reach and the store does not hold.

    Returns what is still missing: it was missing before the gc, or is deleted permanently.
    """
    wanted = list(roots)
    while True:
        before = gc_stamp(store)
        store.refresh()
        missing = _missing(store, wanted)
        recipes = _find_and_restore(store, set(missing)) if missing else None
        if recipes is None:
            if missing and gc_stamp(store) != before:
                continue  # a batch was finished, and so renamed, during the search
            return missing
        # A pack is restored as a whole, and a recipe must not be in the store without its chunks.
        wanted += [(oid, ObjectKind.BLOB) for oid in recipes]


def _missing(store: ObjectSource, roots: Roots) -> set[Oid]:
    missing: set[Oid] = set()
    for batch in walk(roots, StoreReader(store, damaged=set()), lambda _, __: set()):
        missing.update(set(batch.oids) - store.present(batch.oids))
    return missing


def _find_and_restore(store: StoreFiles, missing: set[Oid]) -> list[Oid] | None:
    """Restore all that holds any of `missing`: the recipes that came with it, or None if nothing was found."""
    recipes: list[Oid] = []
    found = False
    for batch in reversed(batches(store.trash)):
        for oid in missing.intersection(batch.loose.all()):
            found |= restore_loose(store, batch, oid)
            missing.discard(oid)
        for name in batch.pack_names():
            held = missing.intersection(row.oid for row in batch.pack_rows(name))
            if held:
                recipes += restore_pack(store, batch, name)
                missing -= held
                found = True
        if batch.finished:
            discard_if_empty(batch)
    return recipes if found else None
