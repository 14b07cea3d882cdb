"""Packs that a remote lists and does not have: somebody deleted them, or a disk lost them.

One list request shows it, with one more for each 1,000 packs on S3. Nothing is read but what is suspected: a server
whose lists leave out what is new is asked for each such pack before it counts as lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.remote.gc.reachable import RemoteReachability
from dver.remote.gc.read_state import find_packs, read_state
from dver.remote.gc.state import NeededObjects, RemoteState
from dver.remote.index.catalog import Catalog
from dver.remote.index.contents import list_contents
from dver.remote.transfer.confirm_index import listed_names
from dver.store.store import Store
from dver.store.trees.reachable import MissingObject


def lost_packs(catalog: Catalog) -> frozenset[Oid]:
    """The packs that the indexes list, as `catalog` knows them, and that are not there with their size.

    Raises RemoteError.
    """
    listed = catalog.mirror.packs()
    found = find_packs(catalog.storage, listed, catalog.jobs) if listed else {}
    return frozenset(name for name, size in listed.items() if found.get(name) != size)


def find_missing_in_packs(roots: Iterable[ObjectRef], store: Store, catalog: Catalog) -> list[MissingObject]:
    """Those of `roots` that are not whole on the remote, whatever its indexes promise.

    Trees and recipes are read from the store, or from the remote. Raises RemoteError, CorruptError.
    """
    _, state = read_state(catalog.storage, list_contents(catalog.storage), store, jobs=catalog.jobs)
    listed = {ref.name: ref.size for index in state.indexes for ref in index.packs}
    state = replace(state, packs={name: size for name, size in state.packs.items() if listed.get(name) == size})
    reach = RemoteReachability(store, catalog.storage, state, jobs=catalog.jobs)
    present, whole = _present(state), NeededObjects()
    missing = []
    for root in sorted(set(roots)):
        needed = reach.of([root.key], whole)
        if present.trees >= needed.trees and present.blobs >= needed.blobs:
            whole.trees |= needed.trees
            whole.blobs |= needed.blobs
        else:
            missing.append(MissingObject(root.path, root.oid, root.size))
    return missing


def _present(state: RemoteState) -> NeededObjects:
    """All objects that lie in packs which are there, and which no gc has condemned."""
    condemned = listed_names(state.lists.values())
    found = NeededObjects()
    for row in state.rows():
        if row.pack in state.packs and row.pack not in condemned and row.listed_by not in condemned:
            (found.trees if row.kind is ObjectKind.TREE else found.blobs).add(row.oid)
    return found
