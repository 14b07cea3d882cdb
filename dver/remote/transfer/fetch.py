"""Fetches: downloads of the objects that the store does not have, verified frame by frame.

What was downloaded before an interruption stays in the store: the next fetch downloads only the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from dver.core.display import Displayed
from dver.core.errors import CorruptError, DverError, MissingObjectError
from dver.core.oid import Oid
from dver.core.phrasing import count
from dver.core.progress import SILENT, Progress, Task
from dver.formats.recipe import Recipe
from dver.remote.index.catalog import Catalog
from dver.remote.transfer.blob_assembly import Assembler
from dver.remote.transfer.blob_download import BlobDownloader
from dver.remote.transfer.fetch_plan import FetchPlan, Wanted, plan_fetch
from dver.store.objects.bulk_reader import StoreReader
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.store.trees.reachable import MissingObject, describe_missing, find_missing
from dver.store.writer import StoreWriter


@dataclass(frozen=True, slots=True, repr=False)
class DownloadResult(Displayed):
    """What a fetch downloaded from one remote, or would download in a dry run, and the objects that it did not get."""

    remote: str = ""
    """The remote's name, which its caller knows."""
    url: str = ""
    files: int = 0
    objects: int = 0
    """Trees and contents of files."""
    size: int = 0
    """Bytes received, including the gaps between frames that were read along."""
    missing: tuple[MissingObject, ...] = ()
    """Objects that are neither in the store nor on the remote."""
    corrupt: tuple[MissingObject, ...] = ()
    """Objects that are damaged on the remote."""
    is_remote_empty: bool = False
    """Is data missing because nothing was ever pushed to the remote?"""
    runs: int = 0
    """New run cache entries of stages."""
    profiles: int = 0
    """Profiles and other results about data that came with it."""
    damaged_runs: tuple[str, ...] = ()
    """Keys of batches of run cache entries that could not be read."""
    failed: DverError | None = None
    """Why nothing could be downloaded, from a place that other downloads do not need."""

    def error(self) -> DverError | None:
        """The error for missing and damaged objects. None if everything was downloaded."""
        if self.failed is not None:
            return self.failed
        if self.corrupt:
            also = f"; {len(self.missing)} more missing: {describe_missing(self.missing)}" if self.missing else ""
            return CorruptError(
                f"{count(len(self.corrupt), 'path')} damaged on the remote: {describe_missing(self.corrupt)}{also}",
                why="their bytes do not match their hashes; everything else was fetched",
                fix="`dver fetch -r` another remote, or restore the packs of this one from a backup",
            )
        if not self.missing:
            return None
        what = f"{count(len(self.missing), 'path')} not on the remote: {describe_missing(self.missing)}"
        if self.is_remote_empty:
            return MissingObjectError(
                what,
                why="the remote is empty: its URL may be wrong, or its disk not mounted",
                fix="check the URL with `dver remote list`, or run `dver push` in a clone that has them",
            )
        return MissingObjectError(
            what,
            why="they were never pushed there, or were deleted; everything else was fetched",
            fix="run `dver push` in a clone that has them, or `dver fetch -r` another remote",
        )


def fetch(
    wanted: Sequence[Wanted],
    store: Store,
    catalog: Catalog,
    *,
    progress: Progress = SILENT,
    link_mode: LinkMode = LinkMode.AUTO,
    damaged: Collection[Oid] = (),
) -> DownloadResult:
    """Download everything that `wanted` reach and the store does not have; see `plan_fetch`.

    The result lists missing and damaged objects. Raises UsageError, RemoteError; objects that were downloaded before an
    error stay in the store.
    """

    def attempt() -> DownloadResult:
        with progress.task("query remote", unit=""):
            plan = plan_fetch(wanted, store, catalog, link_mode=link_mode, damaged=damaged)
        return fetch_planned(plan, store, catalog, progress=progress)

    first = attempt()
    if not first.missing:
        return first
    before = catalog.state()
    catalog.refresh()
    if catalog.state() == before:
        return replace(first, is_remote_empty=not before)
    # A gc has combined packs meanwhile: the missing objects may be in other packs now.
    again = attempt()
    files, objects = first.files + again.files, first.objects + again.objects
    return replace(again, files=files, objects=objects, size=first.size + again.size)


def fetch_planned(plan: FetchPlan, store: Store, catalog: Catalog, *, progress: Progress = SILENT) -> DownloadResult:
    """Download the objects in `plan`, and look for those that are still missing."""
    done = DownloadResult(objects=plan.trees, size=plan.bytes_received)
    lost: Sequence[MissingObject] = ()
    bad = set(plan.damaged)
    if plan.objects:
        with progress.task("download", total=plan.size) as task:
            blobs, assembler = _download(plan, store, catalog, task)
        bad |= blobs.bad | assembler.bad
        done = DownloadResult(
            files=plan.files,
            objects=plan.trees + blobs.count + assembler.count,
            size=plan.bytes_received + blobs.received + assembler.received,
        )
    if plan.incomplete or done.objects < plan.trees + plan.objects:
        lost = find_missing(plan.roots, StoreReader(store, set()), lambda _, oids: store.present(oids) - bad)
        bad |= _with_bad_chunks(store, lost, bad)
    if not lost:
        store.index.mark_complete([root.oid for root in plan.roots])
    missing, corrupt = (tuple(one for one in lost if (one.oid in bad) is wrong) for wrong in (False, True))
    return replace(done, files=max(0, done.files - len(lost)), missing=missing, corrupt=corrupt)


def _download(plan: FetchPlan, store: Store, catalog: Catalog, task: Task) -> tuple[BlobDownloader, Assembler]:
    with StoreWriter(store) as writer:
        blobs = BlobDownloader(catalog.storage, writer, catalog.jobs, task, plan.loose)
        blobs.download(plan.blobs)
    blobs.store_recipes(plan.recipes)
    assembler = Assembler(store, catalog.storage, catalog.locate, catalog.jobs, task)
    assembler.assemble(plan.assemblies)
    return blobs, assembler


def _with_bad_chunks(store: Store, lost: Sequence[MissingObject], bad: set[Oid]) -> set[Oid]:
    """The blobs in `lost` that have chunks in `bad`."""
    recipes = store.recipes([one.oid for one in lost]) if bad else ()
    return {oid for oid, found in recipes if isinstance(found, Recipe) and not bad.isdisjoint(found.oids)}
