"""`dver import-url`: track a copy of the files at a URL, and record where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dver.core.errors import ConflictError
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer, UndownloadedPointer
from dver.formats.pointer_source import UrlSource
from dver.repo import Repository
from dver.sources.url_content import list_source, named, store_content
from dver.sources.url_sources import destination, recorded_url
from dver.store.trash.guard import GcGuard
from dver.tracking.pointer_files import write_pointers
from dver.tracking.targets import SUFFIX, Target, TrackedData, resolve_data_path, tracked_in_worktree
from dver.tracking.trackable import check_destination, refuse_outputs
from dver.workspace.checkout.restore import CheckoutSummary, CheckoutTarget, restore


@dataclass(frozen=True, slots=True)
class ImportUrlResult:
    """An import that was recorded. `path` is relative to the top of the Git worktree."""

    path: bytes
    pointer: Pointer | UndownloadedPointer
    read: int = 0
    """Bytes that were downloaded from the source."""
    restored: CheckoutSummary | None = None
    """The checkout; None if the data was not stored here."""


@dataclass(frozen=True, slots=True)
class PointerOptions:
    """What the user chose for the pointer of an import."""

    remote: str | None = None
    desc: str | None = None


def import_url(
    repo: Repository,
    url: str,
    out: str | None = None,
    *,
    cwd: Path,
    options: PointerOptions | None = None,
    download: bool = True,
    force: bool = False,
    progress: Progress = SILENT,
) -> ImportUrlResult:
    """Store the file or directory at `url`, check it out at `out`, and write a pointer that names the source.

    Without `download`, only records what the source says of it. Replaces tracked data and existing files only with
    `force`. After an error no pointer has changed; the same command again downloads what is not in the store yet.
    """
    chosen = options or PointerOptions()
    if chosen.remote is not None:
        repo.remotes.settings(chosen.remote)
    recorded, text = recorded_url(repo, url, cwd), destination(url, out, cwd)
    path = resolve_data_path(repo, text, cwd)
    with repo.exclusive():
        _check(repo, path, text, force=force)
    sources = repo.remotes.url_files(repo.root)
    with progress.task("query source", unit=""):
        listing = list_source(sources, recorded)
    source = UrlSource(recorded, listing.info.fingerprint)
    if not download:
        kind = ObjectKind.TREE if listing.info.kind == "directory" else ObjectKind.BLOB
        pointer = UndownloadedPointer(kind, source, listing.size, chosen.remote, desc=chosen.desc)
        with repo.exclusive():
            _check(repo, path, text, force=force)
            write_pointers(repo, {path: pointer})
        return ImportUrlResult(path, pointer)
    guard = GcGuard(repo.store)
    entry, read = store_content(repo, sources, listing, progress=progress)
    found = replace(Pointer.of(named(entry, path)), source=source, remote=chosen.remote, desc=chosen.desc)
    with repo.exclusive():
        _check(repo, path, text, force=force)
        write_pointers(repo, {path: found}, guard)
        repo.store.index.mark_complete([found.oid])
        target = CheckoutTarget(path, found.entry(path))
        restored = restore(repo, [target], force=force, progress=progress)
    return ImportUrlResult(path, found, read, restored)


def _check(repo: Repository, path: bytes, text: str, *, force: bool) -> None:
    """Raise UsageError or ConflictError unless data can be imported to `path`."""
    tracked = tracked_in_worktree(repo)
    check_destination(repo, tracked, path, text)
    if path in tracked:
        refuse_outputs(repo, [Target(tracked[path])])
    if not force:
        _refuse_existing(repo, tracked, path, text)


def _refuse_existing(repo: Repository, tracked: Mapping[bytes, TrackedData], path: bytes, text: str) -> None:
    if path in tracked or repo.layout.exists(path + SUFFIX):
        is_import = path not in tracked or tracked[path].pointer.source is not None
        raise ConflictError(
            f"{text!r} is already tracked",
            why="an import would replace it",
            fix=f"`dver update {quoted(text)}` downloads the present content of its source"
            if is_import
            else "choose another OUT, or replace it with --force",
        )
    if repo.layout.exists(path):
        raise ConflictError(
            f"{text!r} already exists",
            why="an import would replace it",
            fix="choose another OUT, or replace it with --force",
        )
