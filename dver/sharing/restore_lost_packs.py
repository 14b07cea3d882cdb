"""Repairing a remote that has lost packs, as far as this clone's store has what was in them: a part of every push."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dver.core.oid import Oid
from dver.remote.index.catalog import Catalog
from dver.remote.repair.inventory import read_inventory
from dver.remote.repair.repair_remote import repair_remote
from dver.repo import Repository
from dver.sharing.copy_sources import store_sources


@dataclass(frozen=True, slots=True)
class LostPacks:
    """What became of packs that the remote listed and did not have."""

    packs: int = 0
    taken_off: int = 0
    """Objects that are not listed any more: this store does not have them."""


def repair_lost_packs(repo: Repository, catalog: Catalog, lost: Collection[Oid]) -> LostPacks:
    """Upload again what was in the packs `lost`, and promise nothing more of them that is not there.

    Raises RemoteError, also if the remote changes meanwhile; CorruptError.
    """
    if not lost:
        return LostPacks()
    found = read_inventory(catalog.storage, repo.store, jobs=catalog.jobs)
    listed = {ref.name for index in found.visible for ref in index.packs}
    packs = (listed & set(lost)) - found.condemned
    wanted = {row.oid for rows in found.rows_of(packs).values() for row in rows}
    sources = [*store_sources([("the store", repo.store.root)], wanted, {})]
    return LostPacks(len(packs), repair_remote(found, packs, sources, repo.store, catalog).taken_off)
