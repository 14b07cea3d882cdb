"""Availability of data in the store and on remotes, from local knowledge or from queries of the remotes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.store.store import Store


@dataclass(frozen=True, slots=True)
class Availability:
    """The places where the data of some pointers is complete."""

    in_store: frozenset[Oid]
    """Objects that are complete in the store."""
    remote_roots: Mapping[str, frozenset[Oid]]
    """Objects that are complete on a remote, by the name of the remote."""
    default_remote: str | None
    query: RemoteQuery | None = None

    def on_remote(self, pointer: Pointer) -> bool | None:
        """Is the data on its remote? None if it has no remote, or if that is unknown.

        Without a query, data that is not in the store may be on the remote: another person committed its pointer.
        """
        name = _remote_of(pointer, self.default_remote, self.query)
        if name is None:
            return None
        if pointer.oid in self.remote_roots.get(name, frozenset()):
            return True
        return False if self.query is not None or pointer.oid in self.in_store else None


@dataclass(frozen=True, slots=True)
class RemoteQuery:
    """A query of the remote `name`, or of each pointer's own remote if `name` is None."""

    name: str | None = None


def availability_of(repo: Repository, pointers: Sequence[Pointer], query: RemoteQuery | None = None) -> Availability:
    """The availability of the data of `pointers`. Raises RemoteError if remotes are queried."""
    default = repo.config.default_remote
    if not pointers:
        return Availability(frozenset(), {}, default, query)
    belonging: dict[str, list[Pointer]] = {}
    for pointer in pointers:
        name = _remote_of(pointer, default, query)
        if name is not None and name in repo.config.remote_names:
            belonging.setdefault(name, []).append(pointer)
    find = _on_remote if query is None else _query_remote
    roots = {name: find(repo, name, group) for name, group in belonging.items()}
    return Availability(_in_store(repo, pointers), roots, default, query)


def _remote_of(pointer: Pointer, default: str | None, query: RemoteQuery | None) -> str | None:
    """The name of the remote for the data. None if it is never pushed."""
    if not pointer.push:
        return None
    return (query.name if query is not None else None) or pointer.remote or default


def _in_store(repo: Repository, pointers: Iterable[Pointer]) -> frozenset[Oid]:
    refs = {pointer.oid: pointer.ref() for pointer in pointers}
    complete = repo.store.index.complete(refs)
    found = [oid for oid, ref in refs.items() if oid not in complete and _is_complete(repo.store, ref)]
    repo.store.index.mark_complete(found)
    return frozenset((*complete, *found))


def _is_complete(store: Store, root: ObjectRef) -> bool:
    missing = store.find_missing([root])
    if missing and store.index.rebuild(missing[0].oid):  # the index database may have been wrong
        missing = store.find_missing([root])
    return not missing


def _on_remote(repo: Repository, name: str, pointers: Sequence[Pointer]) -> frozenset[Oid]:
    return frozenset(repo.remotes.mirror(name).has_roots([one.oid for one in pointers]))


def _query_remote(repo: Repository, name: str, pointers: Sequence[Pointer]) -> frozenset[Oid]:
    """Query the remote for the data of `pointers`, with one list request."""
    catalog = repo.remotes.catalog(name)
    catalog.refresh()
    found = set(_on_remote(repo, name, pointers))
    for kind in ObjectKind:  # an object that is no root may be part of one
        found |= catalog.known(kind, [one.oid for one in pointers if one.kind is kind and one.oid not in found])
    return frozenset(found)
