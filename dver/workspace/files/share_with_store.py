"""Replacing large files of the workspace with links to the store, where `cache.link` asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from dver.core.files import read_pieces
from dver.core.hashing import hash_file
from dver.core.oid import Oid
from dver.core.platform.open_files import is_open_for_writing
from dver.formats.tree import Entry, Kind
from dver.store.objects.file_creation import FINISHED
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.store.writer import LARGE
from dver.workspace.files.staging import StagingDirs
from dver.workspace.scan.stat_cache import StatCache

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def share_with_store(path: bytes, store: Store, mode: LinkMode, cache: StatCache, *, scratch: bytes) -> None:
    """Replace large files at or below `path` with links to their loose blobs.

    Files that changed meanwhile, are open for writing, or have other hard links of the user's stay. Executables cannot
    share the mode of the store's files; they get a file of their own.
    """
    with StagingDirs(scratch) as stages:
        for file, entry in _large_files(path, cache):
            if not store.loose.present((entry.oid,)):
                continue
            source = os.fsencode(store.loose.path(entry.oid))
            is_own = os.path.samefile(source, file)
            stage = stages.beside(os.path.dirname(file))
            if entry.kind is Kind.EXECUTABLE and is_own:
                _detach(file, source, stage)
            elif entry.kind is Kind.FILE and not is_own and _may_be_replaced(file) and _holds(file, entry.oid):
                _replace(file, source, mode, stage)


def _may_be_replaced(file: bytes) -> bool:
    return os.path.islink(file) or (os.lstat(file).st_nlink == 1 and not is_open_for_writing(file))


def _detach(file: bytes, source: bytes, stage: bytes) -> None:
    """Give the executable `file` a file of its own, and the store's file `source` its mode back."""
    copy = os.path.join(stage, b"private")
    with open(source, "rb", buffering=0) as content, open(os.open(copy, _CREATE, 0o777), "wb") as made:
        made.writelines(read_pieces(content.fileno()))
    os.replace(copy, file)
    with suppress(PermissionError):
        os.chmod(source, FINISHED)


def _holds(file: bytes, oid: Oid) -> bool:
    with open(file, "rb") as content:
        return hash_file(content.fileno()) == oid


def _large_files(path: bytes, cache: StatCache) -> Iterator[tuple[bytes, Entry]]:
    if not os.path.isdir(path):
        yield from _known(os.path.dirname(path), path + b"/", [os.path.basename(path)], cache)
        return
    for folder, _, names in os.walk(path):
        yield from _known(folder, folder, names, cache)


def _known(folder: bytes, slot: bytes, names: list[bytes], cache: StatCache) -> Iterator[tuple[bytes, Entry]]:
    known = cache.known(slot)
    for name in names:
        file = os.path.join(folder, name)
        with suppress(FileNotFoundError):  # a link that leads nowhere
            if name in known and known[name][1].size == os.stat(file).st_size > LARGE:
                yield file, known[name][1]


def _replace(file: bytes, source: bytes, mode: LinkMode, stage: bytes) -> None:
    link = os.path.join(stage, b"link")
    if mode is LinkMode.SYMLINK:
        os.symlink(source, link)
    else:
        try:
            os.link(source, link)
        except OSError:  # another disk, or another user's file: the system may forbid links to those
            return
    os.replace(link, file)
