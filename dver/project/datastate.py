"""How tracked data differs from its pointer: found out by a scan of the workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dver.core.errors import ConflictError, CorruptError, MissingObjectError
from dver.core.progress import Progress
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry
from dver.project.partial import changes_in_part, completed, is_part
from dver.project.targets import entry_of
from dver.repo import Repository
from dver.store.compare import Change, compare, same, with_renames
from dver.worktree.intake import HashOnly


def unchanged_files(repo: Repository, pointers: Mapping[bytes, Pointer], progress: Progress) -> dict[bytes, Entry]:
    """The files among `pointers`, by path, that are as these say. One look for each folder: a look by itself costs more
    than the file, which is felt where there are thousands."""
    folders: dict[bytes, list[bytes]] = {}
    for path, pointer in pointers.items():
        if pointer.kind is ObjectKind.BLOB:
            folders.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
    found: dict[bytes, Entry] = {}
    for folder, names in folders.items():
        try:
            snapshot = repo.look(folder, sorted(names), HashOnly(), progress=progress)
        except ConflictError:  # one of them is being written: a look at each says which
            continue
        for entry in (snapshot.tree(snapshot.root.oid) or ()) if snapshot is not None else ():
            path = os.path.join(folder, entry.name)
            if same(entry_of(path, pointers[path]), entry):
                found[path] = entry
    return found


def examine(
    repo: Repository, path: bytes, pointer: Pointer, progress: Progress
) -> tuple[Entry | None, tuple[Change, ...] | None]:
    """What is at `path`, and how does it differ from what `pointer` says? None where that cannot be read here."""
    snapshot = repo.scan(path, HashOnly(), progress=progress)
    recorded = entry_of(path, pointer)
    if snapshot is None:
        return None, ()
    if same(recorded, snapshot.root):
        return snapshot.root, ()
    try:
        if is_part(repo, path, recorded):
            changes = tuple(with_renames(changes_in_part(repo, path, recorded, snapshot)))
            return (completed(repo, path, recorded, snapshot)[0], changes) if changes else (recorded, ())
        found, read = completed(repo, path, recorded, snapshot)
        return found, tuple(with_renames(compare(recorded, found, repo.store.tree, read, path=path)))
    except (MissingObjectError, CorruptError):
        return snapshot.root, None
