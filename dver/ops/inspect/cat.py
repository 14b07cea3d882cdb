"""`dver cat`: print a tracked file on disk or of a revision, from the store, or a file of another repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dver.access.addresses import DataAddress
from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.formats.pack import IN_MEMORY_MAX
from dver.formats.tree import Kind
from dver.repo import Repository
from dver.tracking.browse import entry_at, explain_errors, target_at, tracked_at


def cat(repo: Repository, path: str, *, cwd: Path, rev: str | None = None) -> Iterator[bytes]:
    """The content of the file `path` piece by piece; for a link, its target.

    A file of up to 64 MiB is verified before its first byte is returned; a larger one raises CorruptError with its last
    piece. Raises UsageError for a directory, MissingObjectError if the store does not have the file.
    """
    target = target_at(repo, tracked_at(repo, rev), path, cwd)
    entry = entry_at(repo, target, rev=rev) if target else None
    if target is None or entry is None or entry.kind is Kind.DIRECTORY:
        raise UsageError(
            f"{path!r} is a directory",
            why="only a file can be printed",
            fix=f"`dver ls {quoted(path)}` lists its entries",
        )
    with explain_errors(repo, target, rev=rev):
        if entry.size <= IN_MEMORY_MAX:
            yield repo.store.read(entry.oid)
        else:
            yield from repo.store.stream(entry.oid)


def cat_from(address: DataAddress, *, cwd: Path) -> Iterator[bytes]:
    """The content of a file of another repository piece by piece, after links. Git's files can be read as well.

    Raises CorruptError with the last piece if the file was damaged.
    """
    from dver.access.repositories import open_files  # only for other repositories
    from dver.access.suggestions import suggesting

    files = open_files(address.repo, rev=address.rev, cwd=cwd)
    try:
        with suggesting(files, address.path):
            yield from files.pieces(address.path)
    finally:
        files.close()
