"""`dver import-url`: track a copy of the files at a URL, and record where they came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.progress import SILENT, Progress
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer, UndownloadedPointer
from dver.formats.tree import Entry
from dver.project.settings import trust_addresses
from dver.remote.transfer.push import UploadResult
from dver.remote.urls.url_files import UrlFiles
from dver.repo import Repository
from dver.sources.destination import check_import, destination
from dver.sources.url_content import SourceListing, list_source, named, source_of, store_content, upload_content
from dver.sources.url_sources import default_name, recorded_url
from dver.store.trash.guard import GcGuard
from dver.store.trees.compare import join
from dver.tracking.pointer_files import write_pointers
from dver.tracking.targets import resolve_data_path
from dver.workspace.checked_import import check_import_content, has_checks
from dver.workspace.checkout.restore import CheckoutSummary, CheckoutTarget, restore

if TYPE_CHECKING:
    from dver.checks.result import CheckedData


@dataclass(frozen=True, slots=True, repr=False)
class ImportUrlResult(Displayed):
    """An import that was recorded. `path` is relative to the top of the Git worktree."""

    path: bytes
    pointer: Pointer | UndownloadedPointer
    received: int = 0
    """Bytes that the source has sent."""
    restored: CheckoutSummary | None = None
    """The checkout; None if the data was not stored here."""
    sent: UploadResult | None = None
    """The upload, if the data went to a remote instead."""
    checked: tuple[CheckedData, ...] = ()
    """The results of checks of the data."""


@dataclass(frozen=True, slots=True)
class PointerOptions:
    """What the user chose for the pointer of an import."""

    remote: str | None = None
    desc: str | None = None
    checks: bool = True
    """Is data that fails a critical check refused? If not, the pointer says that checks were skipped."""


class _Destination(NamedTuple):
    """The checked path of an import. `text` is for messages."""

    path: bytes
    text: str
    options: PointerOptions
    force: bool


def import_url(
    repo: Repository,
    url: str,
    out: str | None = None,
    *,
    cwd: Path,
    options: PointerOptions | None = None,
    download: bool = True,
    to_remote: bool = False,
    force: bool = False,
    progress: Progress = SILENT,
) -> ImportUrlResult:
    """Store the file or directory at `url`, check it out at `out`, and write a pointer that names the source.

    Without `download`, only records what the source says of it. With `to_remote`, uploads it to the chosen or default
    remote while it is read, and stores nothing here. Replaces tracked data and existing files only with `force`. After
    an error no pointer has changed; the same command again downloads what is not in the store yet. Raises
    FailedChecksError for data that fails a critical check, and UsageError for an upload of data that has checks.
    """
    chosen = options or PointerOptions()
    if to_remote and not download:
        raise UsageError("--to-remote does not go with --no-download", fix="leave one out")
    remote = repo.remotes.settings(chosen.remote).name if to_remote or chosen.remote is not None else None
    recorded, text = recorded_url(repo, url, cwd), destination(repo, partial(default_name, url), out, cwd)
    place = _Destination(resolve_data_path(repo, text, cwd), text, chosen, force)
    with repo.exclusive():
        check_import(repo, place.path, place.text, force=place.force)
    sources = repo.remotes.url_files(repo.root)
    with progress.task("query source", unit=""):
        listing = list_source(sources, recorded)
    if not download:
        return _record(repo, place, listing)
    if to_remote and remote is not None:
        return _upload(repo, place, sources, listing, remote, progress)
    return _store(repo, place, sources, listing, progress)


def _record(repo: Repository, place: _Destination, listing: SourceListing) -> ImportUrlResult:
    kind = ObjectKind.TREE if listing.info.kind == "directory" else ObjectKind.BLOB
    remote, desc = place.options.remote, place.options.desc
    pointer = UndownloadedPointer(kind, source_of(listing), listing.size, remote, desc=desc)
    with repo.exclusive():
        check_import(repo, place.path, place.text, force=place.force)
        write_pointers(repo, {place.path: pointer})
    return ImportUrlResult(place.path, pointer)


def _store(
    repo: Repository, place: _Destination, sources: UrlFiles, listing: SourceListing, progress: Progress
) -> ImportUrlResult:
    guard = GcGuard(repo.store)
    entry, read = store_content(repo, sources, listing, progress=progress)
    with repo.exclusive():
        check_import(repo, place.path, place.text, force=place.force)
        found = _pointer_to(entry, place, listing)
        allowed = check_import_content(repo, place.path, found, enabled=place.options.checks, progress=progress)
        pointer = allowed.pointer
        write_pointers(repo, {place.path: pointer}, guard)
        repo.store.index.mark_complete([pointer.oid])
        target = CheckoutTarget(place.path, pointer.entry(place.path))
        restored = restore(repo, [target], force=place.force, progress=progress)
        allowed.keep()
    return ImportUrlResult(place.path, pointer, read, restored, checked=allowed.checked)


def _upload(
    repo: Repository,
    place: _Destination,
    sources: UrlFiles,
    listing: SourceListing,
    remote: str,
    progress: Progress,
) -> ImportUrlResult:
    unchecked = has_checks(repo, place.path, [join(place.path, one.name) for one in listing.files if one.name])
    if unchecked and place.options.checks:
        raise UsageError(
            f"{place.text!r} has checks, and --to-remote stores nothing that they could read",
            fix="leave out --to-remote, or skip the checks with --no-checks",
        )
    entry, read, sent = upload_content(repo, sources, listing, remote, progress=progress)
    pointer = replace(_pointer_to(entry, place, listing), checks_skipped=unchecked)
    with repo.exclusive():
        check_import(repo, place.path, place.text, force=place.force)
        write_pointers(repo, {place.path: pointer})
    trust_addresses(repo, [remote])
    return ImportUrlResult(place.path, pointer, read, sent=sent)


def _pointer_to(entry: Entry, place: _Destination, listing: SourceListing) -> Pointer:
    found = Pointer.of(named(entry, place.path))
    return replace(found, source=source_of(listing), remote=place.options.remote, desc=place.options.desc)
