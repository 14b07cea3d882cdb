"""Taking back an index that turned out to promise too much.

It is condemned, and never just deleted: from the moment it was there, others may have built on what is whole in it, and
have looked for the last time whether that is still there. It may even be another's as well: the same rows make the same
name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dver.core.oid import Oid
from dver.formats import condemned
from dver.formats.condemned import Condemned
from dver.remote.index.keys import condemned_key
from dver.remote.storage import BytesBody, Storage

GRACE: Final = 14 * 86_400
"""Seconds before what a push withdraws may be deleted: the default of `gc.grace`."""


def withdraw(indexes: Iterable[Oid], storage: Storage, *, now: int, grace: int = GRACE) -> None:
    """Hide `indexes` from all who push, and have the next gcs delete them. Raises RemoteError."""
    put_condemned_list(Condemned(now, (), tuple(sorted(set(indexes))), grace), storage)


def put_condemned_list(one: Condemned, storage: Storage) -> None:
    """Write a condemned list. Raises RemoteError."""
    content = condemned.encode(one.at, one.packs, one.indexes, grace=one.grace)
    storage.put(condemned_key(Oid.of(content)), BytesBody(content))
