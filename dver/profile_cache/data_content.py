"""The content of a path: of the workspace, of the pointers on disk, or of a revision."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dver.access.content_files import scratch_directory
from dver.core.errors import ConflictError, UsageError
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry, Kind
from dver.profiles.media.collections import ListedFile
from dver.repo import Repository
from dver.store.trees.compare import TreeReader, join, leaves
from dver.store.trees.edit import NewTrees, overlay
from dver.tracking.browse import entry_at, explain_errors, reader_of, tracked_at
from dver.tracking.partial_directories import is_partial
from dver.tracking.targets import (
    SUFFIX,
    Target,
    TrackedData,
    resolve_data_path,
    target_containing,
    tracked_below,
)
from dver.workspace.scan.hash_or_store import HashOnly


@dataclass(frozen=True, slots=True)
class DataContent:
    """The content at a path. `path` is relative to the top of the Git worktree."""

    path: bytes
    entry: Entry
    read: TreeReader
    """Reads directories at or below the path."""
    target: Target | None
    """The tracked data; None for a path that dver does not track."""
    rev: str | None
    hashed: bool
    """Was it read from the workspace?"""

    def files(self) -> Iterator[tuple[bytes, Entry]]:
        """The files at or below the path, with their paths relative to it: the name itself for a file."""
        if self.entry.kind is not Kind.DIRECTORY:
            yield os.path.basename(self.path), self.entry
            return
        for path, entry in leaves(self.entry, self.read):
            if entry.kind in (Kind.FILE, Kind.EXECUTABLE):
                yield path, entry

    def path_of(self, inside: bytes) -> bytes:
        """The path of a file of `files`, relative to the top of the Git worktree."""
        return join(self.path, inside) if self.entry.kind is Kind.DIRECTORY else self.path


def content_at(
    repo: Repository, text: str, cwd: Path, *, rev: str | None = None, progress: Progress = SILENT
) -> DataContent:
    """The content of `text`, typed in `cwd`: of the workspace if it has it, else of its pointer; or of `rev`.

    Hashes files of the workspace that changed since the last command, and stores nothing. Raises UsageError for a path
    without data, and MissingObjectError for a directory whose listing is not in the store.
    """
    path = resolve_data_path(repo, text, cwd)
    tracked = tracked_at(repo, rev)
    if path.endswith(SUFFIX) and path.removesuffix(SUFFIX) in tracked:
        path = path.removesuffix(SUFFIX)
    target = target_containing(tracked, path) if path else None
    if rev is None and repo.layout.exists(path) and not _contains_data(repo, tracked, path):
        return _in_workspace(repo, path, target, text, progress)
    if target is None:
        raise _no_content(repo, tracked, path, text, rev)
    with explain_errors(repo, target, rev=rev):
        return DataContent(path, entry_at(repo, target, rev=rev), reader_of(repo, target, rev=rev), target, rev, False)


def _contains_data(repo: Repository, tracked: dict[bytes, TrackedData], path: bytes) -> bool:
    return not path or path == repo.layout.prefix.rstrip(b"/") or bool(tracked_below(tracked, path))


def _in_workspace(repo: Repository, path: bytes, target: Target | None, text: str, progress: Progress) -> DataContent:
    snapshot = repo.workspace.scan(path, HashOnly(), progress=progress)
    if snapshot is None:
        raise UsageError(f"{text!r} has no data", why="it is empty, or ignored", fix="name a file or a directory")
    read = repo.workspace.trees([snapshot])
    entry = snapshot.root
    if (
        target is not None
        and entry.kind is Kind.DIRECTORY
        and is_partial(repo.state, target.tracked.path, target.tracked.entry)
    ):
        new = NewTrees(lambda oid, content: None)
        recorded = entry_at(repo, target)
        entry = overlay(recorded, entry, read=read, emit=new.add)
        read = new.reader(read)
    return DataContent(path, entry, read, target, None, True)


def _no_content(
    repo: Repository, tracked: dict[bytes, TrackedData], path: bytes, text: str, rev: str | None
) -> UsageError:
    below = tracked_below(tracked, path)
    if below:
        shown = " ".join(quoted(repo.layout.shown(one.path)) for one in below[:3])
        return UsageError(
            f"{text!r} contains several data sets",
            why="each has a profile of its own",
            fix=f"name one or several of them: {shown}{' …' if len(below) > 3 else ''}",
        )
    from difflib import get_close_matches  # only for this message

    near = get_close_matches(repo.layout.shown(path), [repo.layout.shown(one) for one in tracked], n=1)
    at_rev = f" --rev {quoted(rev)}" if rev else ""
    top = repo.layout.shown(repo.layout.prefix.rstrip(b"/"))
    listing = f"dver ls{at_rev}{'' if top == '.' else f' {quoted(top)}'}"
    return UsageError(
        f"no data at {text!r}" + (f" at {rev}" if rev else ""),
        why="dver does not track it" + (" there" if rev else ", and no file has this name"),
        fix=f"did you mean {near[0]!r}?" if near else f"`{listing}` lists tracked data",
    )


@contextmanager
def file_on_disk(repo: Repository, data: DataContent, inside: bytes, entry: Entry) -> Iterator[bytes]:
    """A path with the content of a file of `data`, and with its suffix: in the workspace, or a copy from the store.

    Raises MissingObjectError if neither has it, and ConflictError if the file changed during the block.
    """
    path = data.path_of(inside)
    if _is_unchanged(repo, path, entry.oid):
        yield repo.layout.absolute(path)
        if not _is_unchanged(repo, path, entry.oid):
            raise _changed(repo, path)
        return
    with scratch_directory(repo) as folder:
        copy = os.path.join(os.fsencode(folder), os.path.basename(inside))
        _put_on_disk(repo, entry.oid, copy)
        yield copy


@contextmanager
def unchanged_in_workspace(
    repo: Repository, data: DataContent, files: Mapping[Oid, ListedFile]
) -> Iterator[dict[Oid, bytes]]:
    """The paths of those of many `files` that are unchanged in the workspace.

    Raises ConflictError if one changed during the block.
    """
    before = _content_in_workspace(repo, data)
    here = {
        oid: repo.layout.absolute(data.path_of(file.path))
        for oid, file in files.items()
        if before.get(file.path) == oid
    }
    yield here
    after = _content_in_workspace(repo, data) if here else {}
    for oid in here:
        if after.get(files[oid].path) != oid:
            raise _changed(repo, data.path_of(files[oid].path))


@contextmanager
def copies_on_disk(repo: Repository, files: Iterable[tuple[bytes, Oid]]) -> Iterator[dict[Oid, bytes]]:
    """Files from the store on disk, by content: loose ones, and copies of others.

    Raises MissingObjectError if one is missing.
    """
    with scratch_directory(repo) as folder:
        copies = {}
        for number, (path, oid) in enumerate(files):
            suffix = os.path.splitext(os.path.basename(path))[1]
            copies[oid] = os.path.join(os.fsencode(folder), b"%d%s" % (number, suffix))
            _put_on_disk(repo, oid, copies[oid])
        yield copies


def _put_on_disk(repo: Repository, oid: Oid, path: bytes) -> None:
    if repo.store.loose.present([oid]):
        os.symlink(repo.store.loose.path(oid), path)
    else:
        with open(path, "wb") as file:
            file.writelines(repo.store.stream(oid))


def _content_in_workspace(repo: Repository, data: DataContent) -> dict[bytes, Oid]:
    """The contents of the files in the workspace at the path of `data`, with the paths of `data.files`."""
    snapshot = repo.workspace.scan(data.path, HashOnly()) if repo.layout.exists(data.path) else None
    if snapshot is None:
        return {}
    here = DataContent(data.path, snapshot.root, repo.workspace.trees([snapshot]), None, None, hashed=True)
    return {path: entry.oid for path, entry in here.files()}


def _changed(repo: Repository, path: bytes) -> ConflictError:
    return ConflictError(
        f"{repo.layout.shown(path)!r} changed while it was read",
        why="another program writes to it",
        fix="run the same command again when it is complete",
    )


def _is_unchanged(repo: Repository, path: bytes, oid: Oid) -> bool:
    if not os.path.isfile(repo.layout.absolute(path)):
        return False
    snapshot = repo.workspace.scan(path, HashOnly())
    return snapshot is not None and snapshot.root.oid == oid
