"""Symbolic links from the workspace to large files of a store (`cache.link = symlink`).

Such a link represents a regular file. It is recognised by the shape of its target, in any store: after a clone was
moved or copied, its links lead to the old directory. The content behind the link counts, not the name of the blob,
because someone may have edited it.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.phrasing import quoted

if TYPE_CHECKING:
    from dver.store.store import Store

_SHAPE: Final = re.compile(rb"(/.*)/loose/([0-9a-f]{2})/([0-9a-f]{62})", re.DOTALL)
_SHORTEST: Final = len("/s/loose//") + 64


@dataclass(frozen=True, slots=True)
class StoreLink:
    """A link at `path` to the blob `oid` in the store at the directory `root`. Paths are absolute."""

    path: bytes
    target: bytes
    root: bytes
    oid: Oid


class StoreLinks:
    """Recognises links into stores, for a workspace that uses `store`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._root = os.fsencode(store.root)

    def at(self, path: bytes, status: os.stat_result) -> StoreLink | None:
        """The link into a store at `path` with the `lstat` result `status`; None for any other file."""
        if not stat.S_ISLNK(status.st_mode) or status.st_size < _SHORTEST:
            return None
        with suppress(OSError):
            return link_to(path, os.readlink(path))
        return None

    def is_current(self, link: StoreLink) -> bool:
        """Whether `link` leads into the store in use."""
        return link.root == self._root

    def size(self, oid: Oid) -> int | None:
        """The size of the blob `oid` in bytes, if the store in use has it."""
        for found in self._store.locate((oid,)):
            return found.raw_size
        with suppress(FileNotFoundError):
            return self._store.loose.path(oid).stat().st_size
        return None


def link_to(path: bytes, target: bytes) -> StoreLink | None:
    """The link into a store with this `target`; None if `target` is not a blob of a store."""
    match = _SHAPE.fullmatch(target)
    if match is None:
        return None
    return StoreLink(path, target, match[1], Oid(bytes.fromhex((match[2] + match[3]).decode("ascii"))))


def content_status(link: StoreLink) -> os.stat_result | None:
    """The `stat` result of the file behind `link`; None if it is missing."""
    with suppress(OSError):
        status = os.stat(link.target)
        return status if stat.S_ISREG(status.st_mode) else None
    return None


def edited(path: bytes) -> CorruptError:
    """The error for a link whose file in the store was edited."""
    name = os.fsdecode(path)
    return CorruptError(
        f"{name!r} was edited through its link to the store",
        why="so the store's copy of the earlier version is damaged",
        fix=f"keep the edits: dver unlock {quoted(name)}; then `dver add` it."
        " `dver fsck --repair` looks for a good copy of the earlier version",
    )


def dangling(link: StoreLink) -> MissingObjectError:
    """The error for a dangling link whose content is not in the store in use."""
    return MissingObjectError(
        f"{os.fsdecode(link.path)!r} is a link to an object that is not in the store",
        why=f"it leads to {os.fsdecode(link.root)!r}, where the object is missing, too",
        fix="`dver fetch` downloads it, if it was pushed; or replace the link by the file",
    )
