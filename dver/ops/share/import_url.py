"""`dver import-url`: track a copy of the files at a URL, and record where they came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer, UndownloadedPointer
from dver.formats.pointer_source import UrlSource
from dver.repo import Repository
from dver.sources.destination import check_import, destination
from dver.sources.url_content import list_source, named, store_content
from dver.sources.url_sources import default_name, recorded_url
from dver.store.trash.guard import GcGuard
from dver.tracking.pointer_files import write_pointers
from dver.tracking.targets import resolve_data_path
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
    recorded, text = recorded_url(repo, url, cwd), destination(repo, partial(default_name, url), out, cwd)
    path = resolve_data_path(repo, text, cwd)
    with repo.exclusive():
        check_import(repo, path, text, force=force)
    sources = repo.remotes.url_files(repo.root)
    with progress.task("query source", unit=""):
        listing = list_source(sources, recorded)
    source = UrlSource(recorded, listing.info.fingerprint)
    if not download:
        kind = ObjectKind.TREE if listing.info.kind == "directory" else ObjectKind.BLOB
        pointer = UndownloadedPointer(kind, source, listing.size, chosen.remote, desc=chosen.desc)
        with repo.exclusive():
            check_import(repo, path, text, force=force)
            write_pointers(repo, {path: pointer})
        return ImportUrlResult(path, pointer)
    guard = GcGuard(repo.store)
    entry, read = store_content(repo, sources, listing, progress=progress)
    found = replace(Pointer.of(named(entry, path)), source=source, remote=chosen.remote, desc=chosen.desc)
    with repo.exclusive():
        check_import(repo, path, text, force=force)
        write_pointers(repo, {path: found}, guard)
        repo.store.index.mark_complete([found.oid])
        target = CheckoutTarget(path, found.entry(path))
        restored = restore(repo, [target], force=force, progress=progress)
    return ImportUrlResult(path, found, read, restored)
