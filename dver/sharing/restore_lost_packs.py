"""Repairing a remote that has lost packs, as far as this clone's store has what was in them: a part of every push."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dver.core.oid import Oid
from dver.remote.index.catalog import Catalog
from dver.remote.repair.repair_pack import Elsewhere, PackMender
from dver.remote.repair.rewrite_indexes import Relister
from dver.remote.repair.survey import survey
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

    A pack that comes out as it was gets its name back, and no index changes. Otherwise one new index takes the place of
    those that listed it, which are condemned. Raises RemoteError, also if the remote changes meanwhile; CorruptError.
    """
    if not lost:
        return LostPacks()
    found = survey(catalog.storage, jobs=catalog.jobs)
    names = sorted(found.listed().keys() & set(lost) - found.condemned)
    wanted = {row.oid for _, row in found.rows() if row.pack in names}
    own = Elsewhere(catalog.storage, found, wanted, catalog.jobs)
    mender = PackMender(
        catalog.storage, repo.store, found, [own, *store_sources([("the store", repo.store.root)], wanted, {})]
    )
    mended = mender.mend(names)
    taken_off = 0
    if mended.dropped:
        relister = Relister(repo.store, catalog, found, mended.dropped, condemn=True)
        taken_off = relister.run(lambda: mended.placed, mender.place).taken_off
    return LostPacks(len(names), taken_off)
