"""Repair of a remote that has lost packs, from other packs of the remote and from the store: a part of every push."""

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
    """The packs that were missing on the remote."""

    packs: int = 0
    taken_off: int = 0
    """Objects that are not listed any more, since the store does not have them."""


def repair_lost_packs(repo: Repository, catalog: Catalog, lost: Collection[Oid]) -> LostPacks:
    """Withdraw the packs `lost`, and upload the objects in them again.

    Raises RemoteError, also if another clone changes the remote meanwhile; CorruptError.
    """
    if not lost:
        return LostPacks()
    found = read_inventory(catalog.storage, repo.store, jobs=catalog.jobs)
    listed = {ref.name for index in found.visible for ref in index.packs}
    packs = listed & set(lost)
    wanted = {row.oid for rows in found.rows_by_pack(packs).values() for row in rows}
    sources = [*store_sources([("the store", repo.store.root)], wanted, {})]
    return LostPacks(len(packs), repair_remote(found, packs, sources, repo.store, catalog).delisted)
