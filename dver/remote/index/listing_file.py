"""Keeping the listing of a remote: the file by which it is read through web servers that cannot list.

Nobody who can list believes it, and it is written last: safety never depends on it (docs/format/listing.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dver.core.errors import RemoteError
from dver.formats import remote_listing
from dver.remote.failures import TransientError
from dver.remote.storage import BytesBody, ObjectInfo, Storage

LISTING_KEY: Final = "catalog"
LISTED: Final = "indexes/"
"""What the listing lists: all keys that begin so."""

_ROUNDS: Final = 10


def refresh_listing(storage: Storage, listed: Iterable[ObjectInfo] | None = None) -> bool:
    """Write down what lies below `indexes/`; to be called by whoever has put or deleted something there.

    `listed` is what a list request has just shown, after that; without it one is made. Then the remote is listed once
    more, and the listing written again if it lacks something: of several who write at once, the last one has it all.

    False if the remote refuses to have it written: no push fails for that, as nobody who can list needs it. Raises
    RemoteError where the connection fails.
    """
    known = _sizes(storage.list(LISTED) if listed is None else listed)
    for _ in range(_ROUNDS):  # each round more means that somebody else has pushed meanwhile, and writes it as well
        try:
            storage.put(LISTING_KEY, BytesBody(remote_listing.encode(known)))
        except TransientError:
            raise
        except RemoteError:
            return False
        now = _sizes(storage.list(LISTED))
        if now.keys() <= known.keys():
            break
        known = now
    return True


def _sizes(listed: Iterable[ObjectInfo]) -> dict[str, int]:
    names = ((info.key.removeprefix(LISTED), info.size) for info in listed if info.key.startswith(LISTED))
    return {name: size for name, size in names if remote_listing.listable(name)}
