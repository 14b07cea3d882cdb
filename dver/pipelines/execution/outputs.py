"""The outputs of stages on disk: removing them before a run and storing them after it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from dver.core.errors import StageError
from dver.core.oid import Oid
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import Progress
from dver.core.worker_pool import no_workers
from dver.formats.lock import LockedItem
from dver.formats.tree import Entry, Kind
from dver.git.index import ignored, tracked_under
from dver.pipelines.definition.stage import Output, Stage
from dver.pipelines.engine.graph import Address, Graph, worktree_path
from dver.pipelines.workspace.stage_files import locked_item
from dver.repo import Repository
from dver.store.trees.compare import leaves
from dver.store.writer import LARGE, StoreWriter
from dver.tracking.partial_directories import partial_below
from dver.tracking.targets import is_at_or_below
from dver.workspace.files.apply import refuse_symlinked_parents
from dver.workspace.scan.hash_or_store import HashOnly, KeepInStore
from dver.workspace.scan.scanner import Snapshot

_MOST_UNCACHED: Final = 16 << 20
"""The largest uncached output, in bytes, that is stored for the run cache."""


def clear_outputs(repo: Repository, address: Address, outs: Sequence[Output]) -> None:
    """Remove the outputs of the last run, except persisting ones, and create their parent directories.

    Raises UsageError where a path leads through a symbolic link.
    """
    places = [os.fsencode(worktree_path(address.folder, out.path, out.mark)) for out in outs]
    for out, place in zip(outs, places, strict=True):
        refuse_symlinked_parents(repo.layout.top, place)
        path = repo.layout.absolute(place)
        if not out.persist:
            _remove(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
    if parts := partial_below(repo.state, places):
        with repo.exclusive():
            repo.state.record_partial(dict.fromkeys(parts, False))


def store_outputs(
    repo: Repository,
    address: Address,
    stage: Stage,
    progress: Progress,
    *,
    for_later: bool = False,
    trees: Iterable[tuple[Oid, bytes]] = (),
) -> list[LockedItem]:
    """Store the outputs of `stage` and return their items. Raises StageError for missing ones.

    With `for_later`, small uncached outputs are stored, too, for the run cache; so are the encoded `trees`. The caller
    holds `repo.exclusive()`.
    """
    found: dict[str, Entry | None] = {}
    with StoreWriter(repo.store) as writer, KeepInStore(writer, repo.link_mode, no_workers()) as intake:
        for oid, content in trees:
            writer.add_tree(oid, content)
        for out in stage.outs:
            if out.cache:
                found[out.path] = _only(_scan(repo, address, out, intake, progress))
            else:
                found[out.path] = _uncached(repo, address, out, intake if for_later else None, progress)
    missing = [path for path, entry in found.items() if entry is None]
    if missing:
        raise StageError(
            f"stage {str(address)!r} did not make {join_limited(missing)}",
            why="the command succeeded but did not create the file",
            fix="fix the command, or remove the output from the stage",
        )
    links = [out.path for out in stage.outs if out.cache and _is_link(found[out.path])]
    if links:
        raise StageError(
            f"stage {str(address)!r} created a symbolic link: {join_limited(links)}",
            why="its target may be missing or different on other machines",
            fix="let the command write the file itself, or leave the link to Git with `cache: false`",
        )
    return [locked_item(out.path, entry, out) for out in stage.outs if (entry := found[out.path]) is not None]


def store_uncached(repo: Repository, address: Address, stage: Stage, progress: Progress) -> None:
    """Store the small uncached outputs that exist, for the run cache. The caller holds `repo.exclusive()`."""
    with StoreWriter(repo.store) as writer, KeepInStore(writer, repo.link_mode, no_workers()) as intake:
        for out in stage.outs:
            if not out.cache:
                _uncached(repo, address, out, intake, progress)


def refuse_partial(repo: Repository, address: Address, places: Iterable[str]) -> None:
    """Raise StageError if one of `places` is only partly checked out."""
    if parts := partial_below(repo.state, map(os.fsencode, places)):
        shown = [repo.layout.shown(one) for one in parts]
        raise StageError(
            f"stage {str(address)!r} needs all of {join_limited(shown)}",
            why="only a part of it is checked out",
            fix=f"dver pull {' '.join(map(quoted, shown))}",
        )


def outputs_not_in_git(repo: Repository, graph: Graph, stages: Iterable[Address]) -> tuple[bytes, ...]:
    """The uncached outputs of `stages` that Git neither tracks nor ignores."""
    paths = {
        os.fsencode(worktree_path(address.folder, out.path, out.mark)): None
        for address in stages
        for out in graph.stages[address].outs
        if not out.cache
    }
    if not paths:
        return ()
    tracked, excluded = tracked_under(repo.git, *paths), ignored(repo.git, paths)
    return tuple(
        path
        for path in paths
        if path not in excluded and not any(is_at_or_below(file, path) for file in tracked) and repo.layout.exists(path)
    )


def _remove(path: bytes) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def _uncached(
    repo: Repository, address: Address, out: Output, intake: KeepInStore | None, progress: Progress
) -> Entry | None:
    """The entry of `out`; a small one is stored through `intake`."""
    snapshot = _scan(repo, address, out, HashOnly(), progress)
    entry = _only(snapshot)
    if intake is None or entry is None or _is_link(entry) or not _is_small(snapshot):
        return entry
    return _only(_scan(repo, address, out, intake, progress))


def _scan(
    repo: Repository, address: Address, out: Output, intake: HashOnly | KeepInStore, progress: Progress
) -> Snapshot | None:
    """Scan the directory of `out`, with `out` only."""
    folder, name = os.path.split(os.fsencode(worktree_path(address.folder, out.path, out.mark)))
    return repo.workspace.scan_names(folder, [name], intake, progress=progress)


def _only(snapshot: Snapshot | None) -> Entry | None:
    entries = snapshot.tree(snapshot.root.oid) if snapshot is not None else None
    return entries[0] if entries else None


def _is_link(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.SYMLINK


def _is_small(snapshot: Snapshot | None) -> bool:
    """Return whether a second copy of the output is affordable. Small files are never links into the store."""
    if snapshot is None:
        return False
    sizes = (one.size for _, one in leaves(snapshot.root, lambda oid: snapshot.tree(oid) or ()))
    return snapshot.root.size <= _MOST_UNCACHED and all(size <= LARGE for size in sizes)
