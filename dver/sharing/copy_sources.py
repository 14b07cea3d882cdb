"""Sources of good copies of damaged objects on this machine: the workspace, and the stores of this and other clones."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from dver.core.errors import DverError, UsageError
from dver.core.oid import Oid
from dver.formats.recipe import Recipe
from dver.formats.tree import Entry, Kind, write_directory
from dver.repo import Repository
from dver.store.objects.loose import LooseBlobs
from dver.store.repair.good_copies import CopySource, FileRange, FileSource, StoreSource, TreeSource
from dver.tracking.targets import is_at_or_below
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.scan.scanner import Snapshot

WORKSPACE = "the workspace"


def local_sources(
    repo: Repository,
    stores: Iterable[tuple[str, Path]],
    paths: Mapping[Oid, Sequence[bytes]],
    recipes: Mapping[Oid, Recipe],
    tracked: Iterable[bytes],
) -> list[CopySource]:
    """The sources in `stores`, given by label and directory, and in the workspace, for objects needed at `paths`.

    `recipes` are those of large blobs with damaged chunks, `tracked` the tracked directories.
    """
    needed = {path for listed in paths.values() for path in listed}
    roots = {root for root in tracked if any(is_at_or_below(path, root) for path in needed)}
    return [*store_sources(stores, paths, recipes), *_workspace_sources(repo, paths, recipes, roots)]


def _workspace_sources(
    repo: Repository, paths: Mapping[Oid, Sequence[bytes]], recipes: Mapping[Oid, Recipe], roots: Iterable[bytes]
) -> list[CopySource]:
    places: dict[Oid, list[FileRange]] = defaultdict(list)
    offsets = _offsets(recipes)
    for oid, needed_at in paths.items():
        for path in needed_at:
            absolute = repo.layout.absolute(path)
            if not os.path.isfile(absolute) or os.path.islink(absolute):
                continue
            places[oid].append(FileRange(absolute))
            places[oid] += [FileRange(absolute, offset, size) for _, offset, size in offsets.get(oid, ())]
    trees = _trees(repo, set(paths), roots)
    return [FileSource(WORKSPACE, places), TreeSource(WORKSPACE, trees)]


def store_sources(
    stores: Iterable[tuple[str, Path]], wanted: Iterable[Oid], recipes: Mapping[Oid, Recipe]
) -> Iterator[CopySource]:
    """The sources in `stores`, given by label and directory, for `wanted` objects. Chunks may be in loose blobs."""
    offsets = _offsets(recipes)
    for label, root in stores:
        loose = LooseBlobs(root / "loose")
        yield StoreSource(label, root)
        places = {
            oid: [
                FileRange(os.fsencode(loose.path(oid))),
                *(
                    FileRange(os.fsencode(loose.path(blob)), offset, size)
                    for blob, offset, size in offsets.get(oid, ())
                ),
            ]
            for oid in wanted
        }
        yield FileSource(label, places)


def other_store(text: str, cwd: Path) -> Path:
    """The store in the directory `text`, or of the clone there. Raises UsageError if there is none."""
    root = _store_of(cwd / text)
    if root is None:
        raise UsageError(
            f"no store in {text!r}",
            why="it has neither packs/ nor loose/, and is not in a clone with a store",
            fix="pass --from the directory of a store, or of a clone on this machine",
        )
    return root


def _store_of(directory: Path) -> Path | None:
    if (directory / "packs").is_dir() or (directory / "loose").is_dir():
        return directory
    if not directory.is_dir():
        return None
    try:
        with Repository.open(directory) as repo:
            root = repo.store_dir
    except DverError:
        return None
    return root if root.is_dir() else None


def _offsets(recipes: Mapping[Oid, Recipe]) -> dict[Oid, list[tuple[Oid, int, int]]]:
    """The locations of each chunk of `recipes`: blob, offset and size."""
    found: dict[Oid, list[tuple[Oid, int, int]]] = defaultdict(list)
    for blob, recipe in recipes.items():
        offset = 0
        for chunk in recipe.chunks:
            found[chunk.oid].append((blob, offset, chunk.size))
            offset += chunk.size
    return found


def _trees(repo: Repository, wanted: set[Oid], roots: Iterable[bytes]) -> dict[Oid, bytes]:
    """The content of those `wanted` trees that are trees of the directories at `roots` now."""
    found: dict[Oid, bytes] = {}

    def emit(oid: Oid, content: bytes) -> None:
        if oid in wanted:
            found[oid] = content

    for root in sorted(set(roots)):
        if os.path.isdir(repo.layout.absolute(root)):
            snapshot = repo.workspace.scan(root, HashOnly())
            if snapshot is not None:
                for entries in _directories(snapshot, snapshot.root):
                    write_directory(entries, emit)
    return found


def _directories(snapshot: Snapshot, top: Entry) -> Iterator[Sequence[Entry]]:
    pending = [top]
    while pending:
        entry = pending.pop()
        entries = snapshot.tree(entry.oid) if entry.kind is Kind.DIRECTORY else None
        if entries is not None:
            yield entries
            pending += entries
