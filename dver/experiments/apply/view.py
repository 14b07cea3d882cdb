"""Looking at the paths of the workspace that a plan is about."""

from __future__ import annotations

import os
from collections.abc import Iterable

from dver.experiments.apply.plan import FileKind, WorkspaceView, kind_of, parents


def view_workspace(top: bytes, *, written: Iterable[bytes], deleted: Iterable[bytes]) -> WorkspaceView:
    """What is at paths below the directory `top`. Links are not followed."""
    kinds: dict[bytes, FileKind] = {}
    below: dict[bytes, tuple[bytes, ...]] = {}
    known: set[bytes] = set()
    for path in deleted:
        _visit(top, path, kinds, known)
    for path in written:
        _visit(top, path, kinds, known)
        if kinds.get(path) is FileKind.DIRECTORY and path not in below:
            below[path] = tuple(_walk(top, path, kinds))
    return WorkspaceView(kinds, below)


def _visit(top: bytes, path: bytes, kinds: dict[bytes, FileKind], known: set[bytes]) -> None:
    """Add `path` and the directories above it, down to the first that is no directory."""
    for one in (*parents(path), path):
        if one not in known:
            known.add(one)
            kind = _kind(top, one)
            if kind is not None:
                kinds[one] = kind
        if kinds.get(one) is not FileKind.DIRECTORY:
            return


def _kind(top: bytes, path: bytes) -> FileKind | None:
    full = top + b"/" + path
    try:
        kind = kind_of(os.lstat(full).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if kind is FileKind.DIRECTORY and os.path.lexists(full + b"/.git"):
        return FileKind.REPOSITORY
    return kind


def _walk(top: bytes, directory: bytes, kinds: dict[bytes, FileKind]) -> Iterable[bytes]:
    """All paths below `directory`, deepest first. Nested repositories are not entered."""
    with os.scandir(top + b"/" + directory) as listing:
        names = sorted(entry.name for entry in listing)
    for name in names:
        path = directory + b"/" + name
        kind = _kind(top, path)
        if kind is None:
            continue
        kinds[path] = kind
        if kind is FileKind.DIRECTORY:
            yield from _walk(top, path, kinds)
        yield path
