"""`dver fsck --remote`: is what lies on a remote what it should be? With a repair, of good copies from anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats import tree
from dver.formats.pack import Codec, ObjectKind
from dver.formats.recipe import Recipe
from dver.formats.tree import Leaf, Sharded
from dver.maintenance.affected_paths import AffectedPath, find_affected_paths, history
from dver.maintenance.fsck_result import BadObject, FsckResult
from dver.remote.index.catalog import Catalog
from dver.remote.index.contents import condemned_key, repository_key
from dver.remote.index.mirror import PACKS, RemoteFound, pack_key
from dver.remote.packs.frame_ranges import Frame, fetch_frames
from dver.remote.repair.check import RemoteReport, check_remote
from dver.remote.repair.remote_source import RemoteSource
from dver.remote.repair.repair_pack import Elsewhere, PackMender
from dver.remote.repair.rewrite_indexes import Relister
from dver.remote.repair.survey import Survey
from dver.repo import Repository
from dver.sharing.copy_sources import other_store, store_sources, workspace_sources
from dver.sharing.registration import register
from dver.store.objects.codec import decode_recipe
from dver.store.objects.packs import parse_pack_file_name
from dver.store.objects.reader import StoreReader
from dver.store.repair.damage import DamagedPart
from dver.store.repair.good_copies import CopySource
from dver.tracking.targets import is_at_or_below

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
    """Look at the remote `name`, or at the default one, or at a random `fraction` of its bytes.

    With `repair`, what is damaged is put there again, of good copies from this clone, the store or clone `other`, and
    other remotes; what cannot be is taken off the list. With `dry_run` it is only said where good copies are. Raises
    RemoteError; CorruptError for what a newer version wrote; UsageError for an `other` without a store.
    """
    chosen = repo.remote_settings(name).name
    catalog = repo.catalog(chosen)
    report = check_remote(catalog.storage, jobs=catalog.jobs, fraction=fraction, seed=seed, progress=progress)
    looked = _look(repo, catalog, report)
    garbage = () if report.survey.damaged else map(pack_key, report.survey.garbage)
    result = FsckResult(
        chosen,
        report.packs,
        0,
        report.objects,
        report.size,
        report.damages,
        tuple(BadObject(oid, tuple(looked.hurt.get(oid, ()))) for oid in sorted(report.bad)),
        strays=tuple(garbage),
        warnings=looked.warnings,
    )
    if not repair or not report.damages:
        return result
    remotes = [
        RemoteSource(f"the remote {one}", partial(repo.catalog, one))
        for one in repo.config.remote_names
        if one != chosen
    ]
    elsewhere = other_store(other, cwd) if other is not None else None
    own = Elsewhere(catalog.storage, report.survey, report.bad, catalog.jobs)
    sources: list[CopySource] = [own, *_local(repo, looked, report, elsewhere), *remotes]
    done = _planned(result, sources) if dry_run else _repair(repo, catalog, result, report, sources)
    failed = tuple(f"{one.label}: {one.failure.what}" for one in remotes if one.failure is not None)
    return replace(done, warnings=(*done.warnings, *failed))


@dataclass(frozen=True, slots=True)
class _Looked:
    """Whom the bad objects hurt, and the recipes of the blobs that are made of them."""

    hurt: Mapping[Oid, Sequence[AffectedPath]]
    recipes: Mapping[Oid, Recipe]
    tracked: frozenset[bytes]
    """Directories that are tracked, in any version."""
    warnings: tuple[str, ...] = ()


def _look(repo: Repository, catalog: Catalog, report: RemoteReport) -> _Looked:
    if not report.bad:
        return _Looked({}, {}, frozenset())
    found = history(repo)
    recipes = dict(_recipes_with(catalog, report))
    via = {blob: set(one.oids) & report.bad for blob, one in recipes.items()}
    reader = _Trees(repo, catalog, report.survey)
    hurt = find_affected_paths(repo, found, report.bad, via, reader.trees)
    tracked = {one.root.path for one in found.versions if one.root.kind is ObjectKind.TREE}
    return _Looked(hurt, recipes, frozenset(tracked), found.warnings)


def _recipes_with(catalog: Catalog, report: RemoteReport) -> Iterator[tuple[Oid, Recipe]]:
    """The recipes on the remote that have bad chunks."""
    rows = [row for _, row in report.survey.rows() if row.codec is Codec.CHUNKED and row.pack in report.survey.packs]
    for oid, frame in fetch_frames(catalog.storage, sorted(set(rows)), jobs=catalog.jobs, received=lambda _: None):
        if isinstance(frame, Frame):
            found = decode_recipe(frame.row, frame.content)
            if not report.bad.isdisjoint(found.oids):
                yield oid, found


class _Trees:
    """Reads trees, from the store if it has them, else from the remote."""

    def __init__(self, repo: Repository, catalog: Catalog, found: Survey) -> None:
        self._local = StoreReader(repo.store, set())
        self._catalog = catalog
        self._rows: dict[Oid, RemoteFound] = {
            row.oid: row for _, row in found.rows() if row.kind is ObjectKind.TREE and row.pack in found.packs
        }

    def trees(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, Leaf | Sharded]]:
        """See `dver.store.trees.reachable.Reader`."""
        answered = set()
        for oid, content in self._local.trees(oids):
            answered.add(oid)
            yield oid, content
        rows = sorted(self._rows[oid] for oid in oids if oid in self._rows and oid not in answered)
        storage, jobs = self._catalog.storage, self._catalog.jobs
        for oid, frame in fetch_frames(storage, rows, jobs=jobs, received=lambda _: None):
            if isinstance(frame, Frame):
                yield oid, tree.decode(frame.content)


def _local(repo: Repository, looked: _Looked, report: RemoteReport, elsewhere: Path | None) -> Iterator[CopySource]:
    """Where good copies may be on this machine."""
    paths = {oid: [one.path for one in hurt] for oid, hurt in looked.hurt.items()}
    needed = {path for listed in paths.values() for path in listed}
    roots = {root for root in looked.tracked if any(is_at_or_below(path, root) for path in needed)}
    stores = [("the store", repo.store.root)]
    stores += [(os.fspath(elsewhere), elsewhere)] if elsewhere is not None else []
    yield from store_sources(stores, report.bad, looked.recipes)
    yield from workspace_sources(repo, paths, looked.recipes, roots)


def _planned(result: FsckResult, sources: Sequence[CopySource]) -> FsckResult:
    """Where good copies are, as far as can be told without getting them."""
    found: dict[Oid, str] = {}
    for source in sources:
        lacking = {one.oid for one in result.bad} - found.keys()
        found.update(dict.fromkeys(source.having(lacking), source.label))
    return replace(result, bad=tuple(replace(one, source=found.get(one.oid)) for one in result.bad))


def _repair(
    repo: Repository, catalog: Catalog, result: FsckResult, report: RemoteReport, sources: Sequence[CopySource]
) -> FsckResult:
    mender = PackMender(catalog.storage, repo.store, report.survey, sources)
    keys = {one.file for one in report.damages if one.part in _OF_PACKS}
    names = {parse_pack_file_name(key.removeprefix(PACKS)) for key in keys}
    mended = mender.mend(sorted(name for name in names if name is not None and name not in report.survey.condemned))
    lies = {
        (name, one.offset)
        for one in report.damages
        if one.part is DamagedPart.LISTING and (name := parse_pack_file_name(one.file.removeprefix(PACKS))) is not None
        if one.offset is not None
    }
    for list_name in report.survey.damaged_lists:  # nothing goes because of it any more; the next gc lists it again
        catalog.storage.delete(condemned_key(list_name))
    for entry_name in report.survey.damaged_entries:  # the next push of its repository writes it again
        catalog.storage.delete(repository_key(entry_name))
    register(repo, catalog.storage, report.survey.seen.repositories - report.survey.damaged_entries.keys())
    promises = any(one.part in (DamagedPart.PROMISE, DamagedPart.TREE) for one in report.damages)
    listed, taken_off = report.bad, 0
    if mended.dropped or lies or promises or report.survey.damaged:
        relister = Relister(repo.store, catalog, report.survey, mended.dropped, lies)
        relisted = relister.run(lambda: mended.placed, mender.place)
        listed, taken_off = frozenset(relisted.listed), relisted.taken_off
    return replace(
        result,
        repaired=True,
        bad=tuple(
            replace(one, source=mended.sources.get(one.oid, "the remote itself")) if one.oid in listed else one
            for one in result.bad
        ),
        taken_off=taken_off,
    )
