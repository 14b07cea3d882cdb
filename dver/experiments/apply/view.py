"""Looking at the paths of the workspace that a plan is about."""

from __future__ import annotations

import errno
import os
import stat
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


def status_of(path: bytes) -> os.stat_result | None:
    """What `lstat` says of `path`; None if nothing is there."""
    try:
        return os.lstat(path)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return None


def directories_above(top: bytes, path: bytes) -> dict[bytes, int]:
    """The directories above `path` that exist, down to the first that is none, and their modes."""
    found = {}
    for above in parents(path):
        status = status_of(top + b"/" + above)
        if status is None or not stat.S_ISDIR(status.st_mode):
            break
        found[above] = stat.S_IMODE(status.st_mode)
    return found


def is_below_link(top: bytes, path: bytes) -> bool:
    """Whether a link or a file is in the place of a directory above `path`."""
    above = parents(path)
    found = len(directories_above(top, path))
    return found < len(above) and status_of(top + b"/" + above[found]) is not None


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
    status = status_of(full)
    if status is None:
        return None
    kind = kind_of(status.st_mode)
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
