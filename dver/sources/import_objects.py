"""Brings the objects of an import into the store: from a clone on this machine, or from the source's remote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from typing import Final

from dver.access.files import FileInfo, Files
from dver.core.errors import DverError, MissingObjectError, RepositoryError
from dver.core.phrasing import count, quoted
from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.formats.tree import Entry, Kind
from dver.remote.parallel import in_parallel
from dver.remote.transfer.fetch import DownloadResult, fetch
from dver.remote.transfer.fetch_plan import ObjectPath
from dver.repo import Repository
from dver.sources.directories import directory_of
from dver.sources.import_plan import ContentPart, ImportPlan, TrackedPart
from dver.store.copy import copy_objects
from dver.store.trees.reachable import MissingObject, describe_missing
from dver.store.writer import LARGE, StoreWriter

_JOBS: Final = 8
"""Files that are read at once."""


@dataclass(frozen=True, slots=True)
class StoredImport:
    """An import whose objects are in the store."""

    entry: Entry
    """The entry of the imported file or directory, under an empty name."""
    received: int
    """Bytes that the source's remotes have sent."""


def store_import(
    repo: Repository,
    files: Files,
    plan: ImportPlan,
    *,
    inside: tuple[bytes, ...] = (),
    progress: Progress = SILENT,
) -> StoredImport:
    """Bring everything that `plan` needs and the store does not have. Objects stay after an error.

    With `inside`, a remote sends of a tracked directory only the path with these names. Raises UsageError for one that
    does not exist, MissingObjectError, CorruptError, RemoteError and RepositoryError.
    """
    part_of = () if plan.is_directory else inside
    received = sum(
        _bring(repo, part, [one.entry.ref(one.path) for one in parts], part_of, progress)
        for part, parts in _by_remote(plan.tracked)
    )
    entries = {part.path: part.entry for part in plan.tracked}
    with StoreWriter(repo.store) as writer:
        entries.update(_content_entries(writer, files, plan.contents))
        entry = directory_of(entries, writer.add_tree) if plan.is_directory else entries[b""]
    if not part_of:
        repo.store.index.mark_complete([entry.oid])
    return StoredImport(entry._replace(name=b""), received)


def _by_remote(parts: Iterable[TrackedPart]) -> Iterator[tuple[TrackedPart, Sequence[TrackedPart]]]:
    """The parts that one remote of one project has, with the first of them."""
    ordered = sorted(parts, key=_origin)
    for _, group in groupby(ordered, key=_origin):
        listed = list(group)
        yield listed[0], listed


def _origin(part: TrackedPart) -> tuple[str, str]:
    return str(part.project.root), part.remote or ""


def _bring(
    repo: Repository, origin: TrackedPart, roots: Sequence[ObjectRef], inside: tuple[bytes, ...], progress: Progress
) -> int:
    """Bring what `roots` reach into the store. Returns the bytes that the remote has sent."""
    project = origin.project
    missing = repo.store.find_missing(roots)
    if missing and not project.git.bare and project.store_dir != repo.store_dir:
        with progress.task("copy", total=sum(root.size for root in roots)) as task:
            copy_objects([root.key for root in roots], project.store, repo.store, mode=repo.link_mode, task=task)
        missing = repo.store.find_missing(roots)
    if not missing:
        repo.store.index.mark_complete([root.oid for root in roots])
        return 0
    try:
        catalog = project.remotes.catalog(origin.remote)
    except RepositoryError as error:
        raise _not_available(project, missing, error) from error
    wanted = [ObjectPath(root, inside) for root in roots] if inside else roots
    got = fetch(wanted, repo.store, catalog, progress=progress, link_mode=repo.link_mode)
    if (failed := _error_of(got, catalog.storage.url)) is not None:
        raise failed
    return got.size


def _not_available(project: Repository, missing: Sequence[MissingObject], error: DverError) -> DverError:
    if project.git.bare:
        return error
    return MissingObjectError(
        f"{count(len(missing), 'file')} missing in the clone {str(project.root)!r}: {describe_missing(missing)}",
        why=f"they are not in its store, and {error.what}",
        fix=f"cd {quoted(str(project.root))} && dver pull",
    )


def _error_of(got: DownloadResult, url: str) -> DverError | None:
    if got.missing and not got.corrupt:
        return MissingObjectError(
            f"{count(len(got.missing), 'path')} missing on the source's remote {url}: {describe_missing(got.missing)}",
            why="they were never pushed there, or were deleted",
            fix="run `dver push` in a clone of the source that has them",
        )
    return got.error()


def _content_entries(writer: StoreWriter, files: Files, parts: Sequence[ContentPart]) -> Mapping[bytes, Entry]:
    """Store files of Git, and of DVC. Their entries by path."""
    paths = {part.info.path: part.path for part in parts}
    links = [part.info for part in parts if part.info.kind == "link"]
    streamed = [part.info for part in parts if part.info.kind == "file" and part.info.tracked]
    of_git = [part.info for part in parts if part.info.kind == "file" and not part.info.tracked]
    with closing(in_parallel(partial(_begun, files), streamed, jobs=_JOBS)) as begun:
        found = {paths[info.path]: _stored(writer, info, pieces) for info, pieces in begun}
    for info, content in files.read_many(of_git):
        found[paths[info.path]] = _stored(writer, info, [content])
    for info in links:
        found[paths[info.path]] = _stored(writer, info, [files.read_link(info.path)])
    return found


def _begun(files: Files, info: FileInfo) -> tuple[FileInfo, Iterable[bytes]]:
    """The pieces of a file. A small one, or the beginning of a large one, is read at once."""
    pieces, first = files.pieces(info.path), bytearray()
    for piece in pieces:
        first += piece
        if len(first) > LARGE:
            break
    return info, chain([bytes(first)], pieces)


def _stored(writer: StoreWriter, info: FileInfo, pieces: Iterable[bytes]) -> Entry:
    kind = Kind.SYMLINK if info.kind == "link" else Kind.EXECUTABLE if info.executable else Kind.FILE
    oid, size = writer.add_blob(pieces)
    return Entry(b"", kind, oid, size)
