"""Where the data of pointers is: all of it in the store, all of it on the remote. Local knowledge, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dver.core.oid import Oid
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.repo import Repository
from dver.store.closure import Root, missing_from
from dver.store.store import Store


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of some pointers' data."""

    in_store: frozenset[Oid]
    """Complete in the store."""
    remote_roots: Mapping[str, frozenset[Oid]]
    """Complete on a remote, by its name."""
    default_remote: str | None

    def on_remote(self, pointer: Pointer) -> bool | None:
        """Is the data on the remote that it belongs on? None where it belongs on none."""
        name = pointer.remote or self.default_remote
        if name is None or not pointer.push:
            return None
        return pointer.oid in self.remote_roots.get(name, frozenset())


def presence_of(repo: Repository, pointers: Sequence[Pointer]) -> Presence:
    """Where the data of `pointers` is."""
    default = repo.config.default_remote
    if not pointers:
        return Presence(frozenset(), {}, default)
    names = {pointer.remote or default for pointer in pointers if pointer.push}
    roots = {
        name: _on_remote(repo, name, [one.oid for one in pointers if (one.remote or default) == name])
        for name in names
        if name is not None and name in repo.config.remote_names
    }
    return Presence(_in_store(repo, pointers), roots, default)


def _in_store(repo: Repository, pointers: Iterable[Pointer]) -> frozenset[Oid]:
    kinds: dict[Oid, ObjectKind] = {pointer.oid: pointer.kind for pointer in pointers}
    complete = repo.store.complete(kinds)
    unsure = [oid for oid in kinds if oid not in complete]
    found = [oid for oid in unsure if _is_complete(repo.store, Root(oid, kinds[oid]))]
    repo.store.mark_complete(found)
    return frozenset((*complete, *found))


def _is_complete(store: Store, root: Root) -> bool:
    lacking = missing_from(store, [root])
    if lacking and store.filled_again(lacking[0].oid):  # the database may have been at fault
        lacking = missing_from(store, [root])
    return not lacking


def _on_remote(repo: Repository, name: str, oids: Sequence[Oid]) -> frozenset[Oid]:
    return frozenset(repo.mirror(name).has_roots(oids))
