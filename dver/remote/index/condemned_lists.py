"""Condemned lists on a remote: the names of packs and indexes that a gc is going to delete."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import condemned
from dver.formats.condemned import Condemned
from dver.remote.index.keys import condemned_key
from dver.remote.storage import BytesBody, Storage

GRACE: Final = 14 * 86_400
"""Seconds before indexes that a push withdraws may be deleted: the default of `gc.grace`."""


def read_condemned_list(storage: Storage, name: Oid) -> Condemned:
    """Read and check the list `name`. Raises MissingKey, RemoteError, CorruptError."""
    key = condemned_key(name)
    content = storage.get(key, 0, condemned.SIZE_MAX + 1)
    if Oid.of(content) != name:
        raise CorruptError(
            f"{key} on {storage.url} is damaged",
            why="its bytes do not match its name",
            fix="dver fsck --remote --repair",
        )
    return condemned.decode(content)


def put_condemned_list(content: Condemned, storage: Storage) -> None:
    """Write a condemned list. Raises RemoteError."""
    encoded = condemned.encode(content.at, content.packs, content.indexes, grace=content.grace)
    storage.put(condemned_key(Oid.of(encoded)), BytesBody(encoded))


def withdraw(indexes: Iterable[Oid], storage: Storage, *, now: int, grace: int = GRACE) -> None:
    """Condemn `indexes` that promise objects which are not there. Raises RemoteError.

    They are not deleted at once: another push may already rely on the objects in them that are whole, or may have
    written an index of the same name.
    """
    put_condemned_list(Condemned(now, (), tuple(sorted(set(indexes))), grace), storage)
