"""Where the data of pointers is: in the store and on the remote. Local knowledge, unless remotes are asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.repo import Repository
from dver.store.store import Store


@dataclass(frozen=True, slots=True)
class Availability:
    """What is known of some pointers' data."""

    in_store: frozenset[Oid]
    """Complete in the store."""
    remote_roots: Mapping[str, frozenset[Oid]]
    """Complete on a remote, by its name."""
    default_remote: str | None
    asked: RemoteQuery | None = None

    def on_remote(self, pointer: Pointer) -> bool | None:
        """Is the data on the remote that it belongs on? None where it belongs on none, or where that is not known.

        Without asking, data that is not here may well be there: somebody else committed its pointer.
        """
        name = _remote_of(pointer, self.default_remote, self.asked)
        if name is None:
            return None
        if pointer.oid in self.remote_roots.get(name, frozenset()):
            return True
        return False if self.asked is not None or pointer.oid in self.in_store else None


@dataclass(frozen=True, slots=True)
class RemoteQuery:
    """That remotes are to be asked: the remote `name`, or where it is None those that the data belongs on."""

    name: str | None = None


def availability_of(repo: Repository, pointers: Sequence[Pointer], asked: RemoteQuery | None = None) -> Availability:
    """Where the data of `pointers` is. Raises RemoteError where remotes are `asked`."""
    default = repo.config.default_remote
    if not pointers:
        return Availability(frozenset(), {}, default, asked)
    belonging: dict[str, list[Pointer]] = {}
    for pointer in pointers:
        name = _remote_of(pointer, default, asked)
        if name is not None and name in repo.config.remote_names:
            belonging.setdefault(name, []).append(pointer)
    look = _on_remote if asked is None else _found_on_remote
    roots = {name: look(repo, name, some) for name, some in belonging.items()}
    return Availability(_in_store(repo, pointers), roots, default, asked)


def _remote_of(pointer: Pointer, default: str | None, asked: RemoteQuery | None) -> str | None:
    """The remote that the data belongs on; None where it belongs on none."""
    if not pointer.push:
        return None
    return (asked.name if asked is not None else None) or pointer.remote or default


def _in_store(repo: Repository, pointers: Iterable[Pointer]) -> frozenset[Oid]:
    refs = {pointer.oid: pointer.ref() for pointer in pointers}
    complete = repo.store.index.complete(refs)
    found = [oid for oid, ref in refs.items() if oid not in complete and _is_complete(repo.store, ref)]
    repo.store.index.mark_complete(found)
    return frozenset((*complete, *found))


def _is_complete(store: Store, root: ObjectRef) -> bool:
    lacking = store.find_missing([root])
    if lacking and store.index.rebuild(lacking[0].oid):  # the database may have been at fault
        lacking = store.find_missing([root])
    return not lacking


def _on_remote(repo: Repository, name: str, pointers: Sequence[Pointer]) -> frozenset[Oid]:
    return frozenset(repo.remotes.mirror(name).has_roots([one.oid for one in pointers]))


def _found_on_remote(repo: Repository, name: str, pointers: Sequence[Pointer]) -> frozenset[Oid]:
    """As `_on_remote`, once the remote was asked what is new there: one list request."""
    catalog = repo.remotes.catalog(name)
    catalog.refresh()
    found = set(_on_remote(repo, name, pointers))
    for kind in ObjectKind:  # what is no root by itself may be part of one
        found |= catalog.known(kind, [one.oid for one in pointers if one.kind is kind and one.oid not in found])
    return frozenset(found)
