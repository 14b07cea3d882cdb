"""What reads of objects expect of a cache."""

from __future__ import annotations

from typing import Protocol

from dver.core.oid import Oid


class ContentCache(Protocol):
    """A cache of verified contents on this machine."""

    def get(self, oid: Oid) -> bytes | None:
        """The content of a tree, chunk or small blob, verified; None if it is not cached."""
        ...

    def put(self, oid: Oid, content: bytes) -> None:
        """Cache a verified content."""
        ...

    def get_recipe(self, oid: Oid) -> bytes | None:
        """The encoded recipe of the blob `oid`; None if it is not cached."""
        ...

    def put_recipe(self, oid: Oid, content: bytes) -> None:
        """Cache the encoded recipe of the blob `oid`."""
        ...

    def forget_recipe(self, oid: Oid) -> None:
        """Drop a recipe that turned out to be wrong."""
        ...

    def is_proved(self, oid: Oid, recipe: bytes) -> bool:
        """Whether the blob `oid` was once hashed as a whole with this recipe."""
        ...

    def prove(self, oid: Oid, recipe: bytes) -> None:
        """Record that the blob `oid` was hashed as a whole with this recipe."""
        ...
