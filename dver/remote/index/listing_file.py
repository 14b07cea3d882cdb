"""The listing of a remote: a file that lists `indexes/` for readers behind web servers that cannot list.

It is written last, and clients that can list do not read it. So safety never depends on it (docs/format/listing.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dver.core.errors import RemoteError
from dver.formats import remote_listing
from dver.remote.failures import TransientError
from dver.remote.index.keys import INDEXES
from dver.remote.storage import BytesBody, ObjectInfo, Storage

LISTING_KEY: Final = "catalog"
_ROUNDS: Final = 10


def refresh_listing(storage: Storage) -> bool:
    """Write the listing, after something was put or deleted below `indexes/`.

    The remote is listed again afterwards, and the listing is written again if a key is missing in it. So of several
    writers at once, the last one writes the complete listing.

    Returns False if the remote does not allow writing it, which must not fail a push. Raises RemoteError if the
    connection fails.
    """
    known = _sizes(storage.list(INDEXES))
    for _ in range(_ROUNDS):  # each further round means that another clone has pushed meanwhile
        try:
            storage.put(LISTING_KEY, BytesBody(remote_listing.encode(known)))
        except TransientError:
            raise
        except RemoteError:
            return False
        now = _sizes(storage.list(INDEXES))
        if now.keys() <= known.keys():
            break
        known = now
    return True


def _sizes(listed: Iterable[ObjectInfo]) -> dict[str, int]:
    names = ((info.key.removeprefix(INDEXES), info.size) for info in listed if info.key.startswith(INDEXES))
    return {name: size for name, size in names if remote_listing.listable(name)}
