"""`dver fsck --remote`: check a remote for damage, and repair it with good copies from anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats.pack import ObjectKind
from dver.formats.recipe import Recipe
from dver.maintenance.affected_paths import AffectedPath, find_affected_paths, find_described, read_history
from dver.maintenance.fsck_result import BadObject, FsckResult
from dver.profile_cache.kept_objects import all_kept
from dver.remote.gc.reachable import RemoteReader
from dver.remote.index.catalog import Catalog
from dver.remote.index.keys import PACKS, pack_key, repository_key
from dver.remote.repair.check import RemoteCheckReport, check_remote
from dver.remote.repair.remote_source import RemoteFrames, RemoteSource
from dver.remote.repair.repair_remote import repair_remote
from dver.repo import Repository
from dver.sharing.copy_sources import local_sources, other_store
from dver.sharing.registration import register
from dver.store.objects.packs import parse_pack_file_name
from dver.store.repair.damage import DamagedPart
from dver.store.repair.good_copies import CopySource, find_labels

_OF_PACKS = frozenset({DamagedPart.PACK, DamagedPart.HEADER, DamagedPart.FOOTER, DamagedPart.FRAME})


def fsck_remote(
    repo: Repository,
    name: str | None = None,
    *,
    cwd: Path,
    fraction: float = 1.0,
    seed: int = 0,
    repair: bool = False,
    dry_run: bool = False,
    other: str | None = None,
    progress: Progress = SILENT,
) -> FsckResult:
    """Check the remote `name`, by default the default remote, or a random `fraction` of its bytes.

    With `repair`, uploads good copies of damaged objects from this clone, the store or clone `other`, and other
    remotes, and removes objects without a good copy from the indexes. With `dry_run`, only reports where good copies
    are. Raises RemoteError; CorruptError for data of a newer dver; UsageError for an `other` without a store.
    """
    chosen = repo.remotes.settings(name).name
    catalog = repo.remotes.catalog(chosen)
    storage, jobs = catalog.storage, catalog.jobs
    report = check_remote(storage, repo.store, jobs=jobs, fraction=fraction, seed=seed, progress=progress)
    affected = _find_affected(repo, catalog, report)
    garbage = () if report.inventory.damaged_indexes else map(pack_key, report.inventory.unlisted)
    result = FsckResult(
        chosen,
        report.packs,
        0,
        report.objects,
        report.size,
        report.damages,
        tuple(
            BadObject(oid, tuple(affected.paths.get(oid, ())), describes=affected.described.get(oid, ()))
            for oid in sorted(report.bad)
        ),
        stray_files=tuple(garbage),
        warnings=affected.warnings,
    )
    if not repair or not report.damages:
        return result
    remotes = [
        RemoteSource(f"the remote {one}", partial(repo.remotes.catalog, one))
        for one in repo.config.remote_names
        if one != chosen
    ]
    elsewhere = other_store(other, cwd) if other is not None else None
    sources: list[CopySource] = [*_local_sources(repo, affected, report, elsewhere), *remotes]
    if dry_run:
        state = report.inventory.state
        rows = (row for row in state.rows() if row.oid in report.bad and row.pack in state.packs)
        sources.insert(0, RemoteFrames(storage, rows, jobs=jobs))
    done = _planned(result, sources) if dry_run else _repair(repo, catalog, result, report, sources)
    failed = tuple(f"{one.label}: {one.failure.what}" for one in remotes if one.failure is not None)
    return replace(done, warnings=(*done.warnings, *failed))


@dataclass(frozen=True, slots=True)
class _Affected:
    """The paths that need damaged objects, and the recipes that contain damaged chunks."""

    paths: Mapping[Oid, Sequence[AffectedPath]]
    recipes: Mapping[Oid, Recipe]
    tracked: frozenset[bytes]
    """The directories that are tracked in any version."""
    described: Mapping[Oid, tuple[str, ...]]
    warnings: tuple[str, ...] = ()


def _find_affected(repo: Repository, catalog: Catalog, report: RemoteCheckReport) -> _Affected:
    if not report.bad:
        return _Affected({}, {}, frozenset(), {})
    found = read_history(repo)
    reader = RemoteReader(repo.store, catalog.storage, report.inventory.state.packs, jobs=catalog.jobs, strict=False)
    reader.add(report.inventory.state.rows())
    recipes = {oid: one for oid, one in reader.recipes(reader.chunked) if not report.bad.isdisjoint(one.oids)}
    via = {blob: set(one.oids) & report.bad for blob, one in recipes.items()}
    paths = find_affected_paths(repo.git, found, report.bad, via, reader.trees)
    tracked = {one.root.path for one in found.versions if one.root.kind is ObjectKind.TREE}
    described = find_described(all_kept(repo), report.bad, via, reader.trees)
    return _Affected(paths, recipes, frozenset(tracked), described, found.warnings)


def _local_sources(
    repo: Repository, affected: _Affected, report: RemoteCheckReport, elsewhere: Path | None
) -> list[CopySource]:
    """The sources of good copies on this machine."""
    paths = {oid: [one.path for one in affected.paths.get(oid, ())] for oid in report.bad}
    stores = [("the store", repo.store.root)]
    stores += [(os.fspath(elsewhere), elsewhere)] if elsewhere is not None else []
    return local_sources(repo, stores, paths, affected.recipes, affected.tracked)


def _planned(result: FsckResult, sources: Sequence[CopySource]) -> FsckResult:
    """`result` with the sources of good copies, without downloading copies."""
    found = find_labels(sources, {one.oid for one in result.bad})
    return replace(result, bad=tuple(replace(one, source=found.get(one.oid)) for one in result.bad))


def _repair(
    repo: Repository, catalog: Catalog, result: FsckResult, report: RemoteCheckReport, sources: Sequence[CopySource]
) -> FsckResult:
    found, storage = report.inventory, catalog.storage
    packs = {name for one in report.damages if one.part in _OF_PACKS and (name := _pack_name(one.file)) is not None}
    wrong = {
        (name, one.offset)
        for one in report.damages
        if one.part is DamagedPart.LISTING and one.offset is not None and (name := _pack_name(one.file)) is not None
    }
    done = repair_remote(found, packs, sources, repo.store, catalog, wrong_rows=wrong)
    for name in packs & found.state.packs.keys():  # only withdrawn indexes list them
        storage.delete(pack_key(name))
    register(repo, storage, [name for name in found.contents.repositories if repository_key(name) not in found.damaged])
    return replace(
        result,
        repaired=True,
        bad=tuple(
            replace(one, source=done.sources.get(one.oid, RemoteFrames.label)) if one.oid in done.listed else one
            for one in result.bad
        ),
        taken_off=done.delisted,
    )


def _pack_name(key: str) -> Oid | None:
    return parse_pack_file_name(key.removeprefix(PACKS))
