"""References to objects, as pointers, lock files and directory entries have them."""

from __future__ import annotations

from typing import NamedTuple

from dver.core.oid import Oid
from dver.formats.pack import ObjectKind

ObjectKey = tuple[Oid, ObjectKind]
"""The identity of an object. The kind matters, since a blob may have the bytes of a tree."""


class ObjectRef(NamedTuple):
    """An object, and its path for messages. `size` is in bytes, including everything below a tree."""

    oid: Oid
    kind: ObjectKind
    path: bytes = b""
    size: int = 0

    @property
    def key(self) -> ObjectKey:
        """The object without its path and size."""
        return self.oid, self.kind
