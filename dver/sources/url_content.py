"""Reading the content of files at URLs into objects: of the store, or of a remote."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, groupby
from typing import Final, Protocol

from dver.core.batches import batched, batched_by_size
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.formats.pointer_source import UrlSource
from dver.formats.tree import Entry, Kind
from dver.remote.parallel import in_parallel
from dver.remote.repair.lost_packs import lost_packs
from dver.remote.transfer.push import UploadResult
from dver.remote.transfer.stream_upload import StreamUpload
from dver.remote.urls.range_pieces import changed_source
from dver.remote.urls.url_files import UrlFiles
from dver.remote.urls.url_info import UrlFile, UrlInfo, directory_info
from dver.repo import Repository
from dver.sharing.registration import register
from dver.sharing.upload import open_catalog, repair_lost_packs
from dver.sources.directories import directory_of
from dver.sources.known_files import KnownFiles
from dver.store.writer import LARGE, StoreWriter

_JOBS: Final = 16
"""Small files that are downloaded at once."""
_BATCH: Final = 8 << 20
_LOOKUP: Final = 1000


class ObjectSink(Protocol):
    """Where objects go; `StoreWriter` is one."""

    def missing(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are not there yet."""
        ...

    def add_blobs(self, blobs: Iterable[tuple[Oid, bytes]]) -> None:
        """Add blobs that fit in memory."""
        ...

    def add_stream(self, pieces: Iterable[bytes]) -> Oid:
        """Add a large blob as chunks and a recipe. Returns its oid."""
        ...

    def add_tree(self, oid: Oid, content: bytes) -> None:
        """Add a tree object."""
        ...


@dataclass(frozen=True, slots=True)
class SourceListing:
    """A file or a directory at a URL: what the source said of it before it was read."""

    info: UrlInfo
    files: tuple[UrlFile, ...]
    """The file itself under an empty name, or all files of the directory."""

    @property
    def size(self) -> int | None:
        """In bytes, if the source says it."""
        return self.info.size


def list_source(sources: UrlFiles, url: str) -> SourceListing:
    """What is at `url` now. Raises UrlNotFound, RemoteError."""
    info = sources.file_info(url)
    if info is not None:
        return SourceListing(info, (UrlFile(b"", url, -1 if info.size is None else info.size, info.fingerprint),))
    files = tuple(sources.list(url))
    return SourceListing(directory_info(url, files), files)


def source_of(listing: SourceListing) -> UrlSource:
    """What a pointer records of it."""
    return UrlSource(listing.info.url, listing.info.fingerprint)


def read_content(
    sources: UrlFiles, listing: SourceListing, sink: ObjectSink, known: KnownFiles, task: Task
) -> tuple[Entry, int]:
    """Read all files of `listing` into `sink`, except for those that are `known` and there.

    Returns the entry of the file or directory under an empty name, and the number of bytes read. Raises RemoteError,
    also if the source changes meanwhile.
    """
    reader = _Reader(sources, sink, known, task)
    found = reader.read_all(listing.files)
    if sources.info(listing.info.url) != listing.info:
        raise changed_source(listing.info.url)
    if listing.info.kind == "file":
        (file,) = listing.files
        return Entry(b"", Kind.FILE, *found[file.name]), reader.read
    entries = {path: Entry(b"", Kind.FILE, oid, size) for path, (oid, size) in found.items()}
    return directory_of(entries, sink.add_tree), reader.read


class _Reader:
    def __init__(self, sources: UrlFiles, sink: ObjectSink, known: KnownFiles, task: Task) -> None:
        self._sources: Final = sources
        self._sink: Final = sink
        self._known: Final = known
        self._task: Final = task
        self.read = 0

    def read_all(self, files: Sequence[UrlFile]) -> dict[bytes, tuple[Oid, int]]:
        """The content of each of `files`: its oid and size."""
        found: dict[bytes, tuple[Oid, int]] = {}
        for batch in batched(files, _LOOKUP):
            there = self._there(batch)
            self._task.advance(sum(file.size for file in batch if file.name in there))
            found.update(there)
            rest = [file for file in batch if file.name not in there]
            for small, group in groupby(rest, key=lambda file: 0 <= file.size <= LARGE):
                run = list(group)
                found.update(self._read_small(run) if small else map(self._read_large, run))
        return found

    def _there(self, files: Iterable[UrlFile]) -> dict[bytes, tuple[Oid, int]]:
        known = {file: oid for file in files if (oid := self._known.oid(file)) is not None}
        missing = self._sink.missing(known.values())
        return {file.name: (oid, file.size) for file, oid in known.items() if oid not in missing}

    def _read_small(self, files: Sequence[UrlFile]) -> Iterator[tuple[bytes, tuple[Oid, int]]]:
        def download(file: UrlFile) -> tuple[UrlFile, bytes]:
            content = self._sources.read(file.url, 0, file.size + 1)
            if len(content) != file.size:
                raise changed_source(file.url)
            return file, content

        with closing(in_parallel(download, files, jobs=min(_JOBS, len(files)))) as contents:
            for batch in batched_by_size(contents, lambda one: len(one[1]), _BATCH):
                oids = [Oid.of(content) for _, content in batch]
                self._sink.add_blobs([(oid, content) for oid, (_, content) in zip(oids, batch, strict=True)])
                for oid, (file, content) in zip(oids, batch, strict=True):
                    self._known.add(file, oid)
                    self._count(len(content))
                    yield file.name, (oid, len(content))

    def _read_large(self, file: UrlFile) -> tuple[bytes, tuple[Oid, int]]:
        before = self.read
        oid = self._add(self._pieces(file))
        size = self.read - before
        if file.size not in (-1, size):
            raise changed_source(file.url)
        self._known.add(file, oid)
        return file.name, (oid, size)

    def _add(self, pieces: Iterator[bytes]) -> Oid:
        """Add a blob of any size: a small one may not be cut into chunks."""
        first = bytearray()
        for piece in pieces:
            first += piece
            if len(first) > LARGE:
                return self._sink.add_stream(chain([bytes(first)], pieces))
        content = bytes(first)
        oid = Oid.of(content)
        self._sink.add_blobs([(oid, content)])
        return oid

    def _pieces(self, file: UrlFile) -> Iterator[bytes]:
        for piece in self._sources.pieces(file.url):
            self._count(len(piece))
            yield piece

    def _count(self, size: int) -> None:
        self.read += size
        self._task.advance(size)


def store_content(
    repo: Repository, sources: UrlFiles, listing: SourceListing, *, progress: Progress = SILENT
) -> tuple[Entry, int]:
    """Store the content of `listing`. Returns its entry under an empty name, and the number of bytes downloaded.

    Files that this clone has stored with the same fingerprint are not downloaded again, also after an interruption.
    """
    with known_files(repo, listing.info.url) as known:
        with StoreWriter(repo.store) as writer, progress.task("download", total=listing.size) as task:
            entry, read = read_content(sources, listing, writer, known, task)
        known.keep_only(listing.files)
    return entry, read


def upload_content(
    repo: Repository, sources: UrlFiles, listing: SourceListing, remote: str, *, progress: Progress = SILENT
) -> tuple[Entry, int, UploadResult]:
    """Upload the content of `listing` to a remote while it is read. Nothing is stored on this machine.

    Returns its entry under an empty name, the number of bytes read, and the upload. The remote has everything then.
    """
    catalog = open_catalog(repo.remotes, remote, progress=progress)
    with progress.task("query remote", unit=""):
        if lost := lost_packs(catalog):
            repair_lost_packs(repo, catalog, lost)
    register(repo, catalog.storage, catalog.contents.repositories)
    with known_files(repo, listing.info.url) as known:
        with StreamUpload(catalog, repo.store) as upload, progress.task("upload", total=listing.size) as task:
            entry, read = read_content(sources, listing, upload, known, task)
            sent = upload.finish(entry.ref(), files=entry.files)
        known.keep_only(listing.files)
    return entry, read, replace(sent, remote=remote, url=catalog.storage.url)


def known_files(repo: Repository, url: str) -> KnownFiles:
    """The files below `url` that this clone has read before."""
    return KnownFiles(repo.layout.clone_dir / "imports", url)


def named(entry: Entry, path: bytes) -> Entry:
    """`entry` under the name that it has at `path`."""
    return entry._replace(name=os.path.basename(path))
