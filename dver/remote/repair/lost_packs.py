"""Lost packs: packs that the indexes of a remote list and that are missing or have another size.

They are found with one list request, on S3 one for 1,000 packs. Before a pack counts as lost, the remote is asked for
it, since the lists of some servers leave out new objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.remote.gc.reachable import RemoteReachability
from dver.remote.gc.read_state import find_packs, read_state
from dver.remote.gc.state import ObjectsByKind, RemoteState
from dver.remote.index.catalog import Catalog
from dver.remote.index.contents import list_contents
from dver.store.store import Store
from dver.store.trees.reachable import MissingObject


def lost_packs(catalog: Catalog) -> frozenset[Oid]:
    """The packs that the indexes in `catalog` list, and that the remote does not have with their size.

    Raises RemoteError.
    """
    listed = catalog.mirror.packs()
    found = find_packs(catalog.storage, listed, catalog.jobs) if listed else {}
    return frozenset(name for name, size in listed.items() if found.get(name) != size)


def find_missing_in_packs(roots: Iterable[ObjectRef], store: Store, catalog: Catalog) -> list[MissingObject]:
    """Those of `roots` that reach an object which lies in no existing pack of the remote.

    Ignores the roots of indexes, which may be wrong after packs were lost. Reads trees from the store or the remote.
    Raises RemoteError, CorruptError.
    """
    _, state = read_state(catalog.storage, list_contents(catalog.storage), store, jobs=catalog.jobs)
    listed = {ref.name: ref.size for index in state.indexes for ref in index.packs}
    state = replace(state, packs={name: size for name, size in state.packs.items() if listed.get(name) == size})
    reach = RemoteReachability(store, catalog.storage, state, jobs=catalog.jobs)
    present, whole = _present(state), ObjectsByKind()
    missing = []
    for root in sorted(set(roots)):
        needed = reach.of([root.key], whole)
        if present.trees >= needed.trees and present.blobs >= needed.blobs:
            whole.trees |= needed.trees
            whole.blobs |= needed.blobs
        else:
            missing.append(MissingObject(root.path, root.oid, root.size))
    return missing


def _present(state: RemoteState) -> ObjectsByKind:
    """All objects in existing packs, without condemned packs and indexes."""
    condemned = state.condemned
    found = ObjectsByKind()
    for row in state.rows():
        if row.pack in state.packs and row.pack not in condemned and row.listed_by not in condemned:
            found.of(row.kind).add(row.oid)
    return found
