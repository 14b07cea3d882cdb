"""References to objects: how pointers, lock files and directory entries all name the content that they stand for."""

from __future__ import annotations

from typing import NamedTuple

from dver.core.oid import Oid
from dver.formats.pack import ObjectKind

ObjectKey = tuple[Oid, ObjectKind]
"""What identifies an object. A blob may have the same bytes as a tree, hence the kind."""


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
