"""Letting large files of the workspace be the store's own, where `cache.link` asks for it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from dver.core.hashing import hash_file
from dver.core.oid import Oid
from dver.store.loose import LinkMode
from dver.store.store import Store
from dver.store.writer import LARGE
from dver.worktree.staging import Stages
from dver.worktree.statcache import StatCache


def share_with_store(path: bytes, store: Store, mode: LinkMode, cache: StatCache, *, scratch: bytes) -> None:
    """Replace large files at or below `path` by links to their loose blobs; what has changed meanwhile stays."""
    with Stages(scratch) as stages:
        for file, oid in _large_files(path, cache):
            source = os.fsencode(store.loose.path(oid))
            if store.loose.present((oid,)) and not os.path.samefile(source, file) and _holds(file, oid):
                _replace(file, source, mode, stages.beside(os.path.dirname(file)))


def _holds(file: bytes, oid: Oid) -> bool:
    with open(file, "rb") as content:
        return hash_file(content.fileno()) == oid


def _large_files(path: bytes, cache: StatCache) -> Iterator[tuple[bytes, Oid]]:
    if not os.path.isdir(path):
        yield from _known(os.path.dirname(path), path + b"/", [os.path.basename(path)], cache)
        return
    for folder, _, names in os.walk(path):
        yield from _known(folder, folder, names, cache)


def _known(folder: bytes, slot: bytes, names: list[bytes], cache: StatCache) -> Iterator[tuple[bytes, Oid]]:
    record = cache.get(slot)
    known = record.by_name() if record else {}
    for name in names:
        file = os.path.join(folder, name)
        status = os.lstat(file)
        if status.st_mode & stat.S_IXUSR and not stat.S_ISLNK(status.st_mode):
            continue  # an executable cannot share the mode of the store's files
        if status.st_size > LARGE and name in known and known[name][1].size == status.st_size:
            yield file, known[name][1].oid


def _replace(file: bytes, source: bytes, mode: LinkMode, stage: bytes) -> None:
    link = os.path.join(stage, b"link")
    if mode is LinkMode.SYMLINK:
        os.symlink(source, link)
    else:
        try:
            os.link(source, link)
        except OSError:  # another disk, or somebody else's file: the system may forbid links to those
            return
    os.replace(link, file)
