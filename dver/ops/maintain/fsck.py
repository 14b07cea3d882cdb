"""`dver fsck`: verify the store, and repair corrupt objects."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats.pack import Codec, ObjectKind
from dver.formats.recipe import Recipe
from dver.maintenance.affected_paths import (
    AffectedPath,
    TrackedHistory,
    find_affected_paths,
    find_described,
    read_history,
    unreadable_pointers,
)
from dver.maintenance.fsck_result import BadObject, FsckResult
from dver.profile_cache.kept_objects import all_kept
from dver.remote.repair.remote_source import RemoteSource
from dver.repo import Repository
from dver.sharing.copy_sources import local_sources, other_store
from dver.store.objects.bulk_reader import StoreReader
from dver.store.objects.packs import parse_pack_file_name
from dver.store.repair.check import check_store
from dver.store.repair.damage import DamagedPart, StoreReport
from dver.store.repair.good_copies import CopySource, find_labels
from dver.store.repair.repair import StoreRepair
from dver.store.trees.reachable import MissingObject, find_missing

_ROUNDS: Final = 100
"""The number of levels of missing directories that a repair restores."""


def fsck(
    repo: Repository,
    *,
    cwd: Path,
    fraction: float = 1.0,
    seed: int = 0,
    repair: bool = False,
    dry_run: bool = False,
    other: str | None = None,
    progress: Progress = SILENT,
) -> FsckResult:
    """Check the store, or a random `fraction` of its bytes, and all pointers.

    With `repair`, replaces corrupt objects by good copies from the store itself, the workspace, the store or clone
    `other`, and the remotes, and adds missing objects that are on this machine. `dry_run` only finds the copies.
    Raises CorruptError for data of a newer version, or a corrupt Git repository; UsageError for an `other` without a
    store.
    """
    report = check_store(repo.store, fraction=fraction, seed=seed, progress=progress)
    affected = _find_affected(repo, report)
    bad = report.bad | ({one.oid for one in affected.missing} if report.unsure else set())
    result = FsckResult(
        "store",
        report.packs,
        report.loose,
        report.objects,
        report.size,
        report.damages,
        tuple(
            BadObject(oid, tuple(affected.paths.get(oid, ())), describes=affected.described.get(oid, ()))
            for oid in sorted(bad)
        ),
        unreadable_pointers(repo.git, affected.history),
        () if report.unsure else affected.missing,
        report.stray_files,
        warnings=affected.history.warnings,
    )
    if not repair or not (report.damages or affected.missing):
        return result
    elsewhere = other_store(other, cwd) if other is not None else None
    remotes = [
        RemoteSource(f"the remote {name}", partial(repo.remotes.catalog, name)) for name in repo.config.remote_names
    ]
    sources = _Sources.of(repo, affected, elsewhere, remotes)
    if dry_run:
        return _planned(result, report, sources)
    return _repair(repo, result, report, affected, sources)


@dataclass(frozen=True, slots=True)
class _Affected:
    """The pointers and paths that corrupt objects affect."""

    history: TrackedHistory
    paths: Mapping[Oid, Sequence[AffectedPath]]
    recipes: Mapping[Oid, Recipe]
    """The recipes of blobs with bad chunks."""
    missing: tuple[MissingObject, ...]
    described: Mapping[Oid, tuple[str, ...]]


def _find_affected(repo: Repository, report: StoreReport) -> _Affected:
    found = read_history(repo)
    missing = _find_missing(repo, found, report.bad)
    bad = report.bad | ({one.oid for one in missing} if report.unsure else set())
    recipes = _recipes_with(repo, bad)
    via = {blob: set(recipe.oids) & bad for blob, recipe in recipes.items()}
    read = StoreReader(repo.store, set()).trees
    paths = find_affected_paths(repo.git, found, bad, via, read)
    described = find_described(all_kept(repo), bad, via, read) if bad else {}
    return _Affected(found, paths, recipes, missing, described)


def _find_missing(repo: Repository, found: TrackedHistory, bad: frozenset[Oid]) -> tuple[MissingObject, ...]:
    reader = StoreReader(repo.store, set())
    missing = find_missing(found.roots, reader, lambda _, oids: repo.store.present(oids))
    return tuple(one for one in missing if one.oid not in bad)


def _gaps(repo: Repository, missing: Sequence[MissingObject]) -> tuple[dict[Oid, list[bytes]], dict[Oid, Recipe]]:
    """The missing objects with the paths that need them, and the recipes with missing chunks."""
    listed = [one.oid for one in missing]
    recipes = {oid: one for oid, one in repo.store.recipes(listed) if isinstance(one, Recipe)}
    gaps: dict[Oid, list[bytes]] = {}
    for one in missing:
        needed = set(recipes[one.oid].oids) if one.oid in recipes else {one.oid}
        for oid in needed - repo.store.present(needed):
            gaps.setdefault(oid, []).append(one.path)
    return gaps, recipes


def _recipes_with(repo: Repository, bad: frozenset[Oid]) -> dict[Oid, Recipe]:
    if not bad:
        return {}
    chunked = repo.store.database.rows("SELECT oid FROM objects WHERE codec = ?", (int(Codec.CHUNKED),))
    found = repo.store.recipes([Oid(oid) for (oid,) in chunked])
    return {oid: one for oid, one in found if isinstance(one, Recipe) and not bad.isdisjoint(one.oids)}


@dataclass(frozen=True, slots=True)
class _Sources:
    """The sources of good copies: on this machine, and on the remotes."""

    local: Sequence[CopySource]
    remote: Sequence[RemoteSource]
    elsewhere: Path | None
    """The store that the user named."""
    gaps: frozenset[Oid]
    """The missing objects."""

    @classmethod
    def of(
        cls, repo: Repository, affected: _Affected, elsewhere: Path | None, remotes: Sequence[RemoteSource]
    ) -> _Sources:
        """The sources that may have the objects of `affected`."""
        gaps, unfinished = _gaps(repo, affected.missing)
        paths = {oid: [one.path for one in listed] for oid, listed in affected.paths.items()}
        for oid, needed_at in gaps.items():
            paths[oid] = [*paths.get(oid, ()), *needed_at]
        recipes = {**affected.recipes, **unfinished}
        tracked = {one.root.path for one in affected.history.versions if one.root.kind is ObjectKind.TREE}
        stores = [("the store", repo.store.root)]
        stores += [("the trash", folder) for folder in sorted((repo.store.root / "trash").glob("*/"))]
        stores += [(os.fspath(elsewhere), elsewhere)] if elsewhere is not None else []
        return cls(local_sources(repo, stores, paths, recipes, tracked), remotes, elsewhere, frozenset(gaps))

    @property
    def all(self) -> Sequence[CopySource]:
        """All sources, the nearest first."""
        return [*self.local, *self.remote]

    @property
    def unreachable(self) -> tuple[str, ...]:
        """The failures of remotes."""
        return tuple(f"{one.label}: {one.failure.what}" for one in self.remote if one.failure is not None)


def _planned(result: FsckResult, report: StoreReport, sources: _Sources) -> FsckResult:
    """The result of a dry run: the sources of good copies, without downloading them."""
    bad = find_labels(sources.all, _lost_of(report))
    bad |= find_labels(sources.all, {one.oid for one in result.bad} - bad.keys()) if report.unsure else {}
    restorable = find_labels(sources.local, sources.gaps)
    bad |= dict.fromkeys(report.stranded, "the store")
    return replace(
        result,
        bad=tuple(replace(one, source=bad.get(one.oid)) for one in result.bad),
        recovered=tuple(BadObject(oid, (), source) for oid, source in sorted(restorable.items())),
        warnings=(*result.warnings, *sources.unreachable),
    )


def _repair(
    repo: Repository, result: FsckResult, report: StoreReport, affected: _Affected, sources: _Sources
) -> FsckResult:
    wrong = {one.oid for one in report.damages if one.part is DamagedPart.RECIPE and one.oid is not None}
    repairs = StoreRepair(repo.store, sources.all, wrong)
    for file in sorted({one.file for one in report.damages if one.part is not DamagedPart.TREE}):
        name = parse_pack_file_name(file.rpartition("/")[2])
        if name is not None:
            repairs.repair_pack(name)
    for one in report.damages:
        if one.file.startswith("loose/") and one.oid is not None:
            repairs.repair_loose(one.oid)
    repairs.add_missing(repairs.lost, sources.all, repo.link_mode)
    repairs.remove_recipes(
        [blob for blob, recipe in affected.recipes.items() if not repairs.lost.isdisjoint(recipe.oids)]
    )
    missing = _fill_gaps(repo, repairs, affected, sources, with_remotes=report.unsure)
    damaged = {one.oid for one in result.bad} | repairs.lost
    repaired = dict.fromkeys(_lost_of(report) - repairs.lost, "the store")  # only a header was damaged
    if report.unsure:  # large files whose missing chunks have been added
        came = damaged - report.bad - {one.oid for one in missing}
        repaired |= dict.fromkeys(came, repairs.repaired[-1].source if repairs.repaired else "the store")
    repaired |= dict.fromkeys(report.stranded, "the store") | {one.oid: one.source for one in repairs.repaired}
    return replace(
        result,
        repaired=True,
        bad=tuple(replace(one, source=repaired.get(one.oid)) for one in result.bad),
        missing=tuple(one for one in missing if one.oid not in damaged),
        recovered=tuple(BadObject(one.oid, (), one.source) for one in repairs.repaired if one.oid not in damaged),
        warnings=(*result.warnings, *sources.unreachable),
    )


def _fill_gaps(
    repo: Repository, repairs: StoreRepair, affected: _Affected, sources: _Sources, *, with_remotes: bool
) -> tuple[MissingObject, ...]:
    """Add missing objects from this machine, or with remotes. Returns those that are still missing."""
    missing = _find_missing(repo, affected.history, frozenset())
    for _ in range(_ROUNDS):
        if not missing:
            break
        sources = _Sources.of(repo, replace(affected, missing=missing), sources.elsewhere, sources.remote)
        chosen = sources.all if with_remotes else sources.local
        if not repairs.add_missing(sources.gaps, chosen, repo.link_mode):
            break
        missing = _find_missing(repo, affected.history, frozenset())  # restored directories may name others
    return missing


def _lost_of(report: StoreReport) -> set[Oid]:
    return {one.oid for one in report.damages if one.oid is not None and one.part is not DamagedPart.TREE}
