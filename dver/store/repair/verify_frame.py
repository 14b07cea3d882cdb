"""Verifying one frame: its header, checksum and oid, and the tree or recipe in it."""

from __future__ import annotations

from typing import NamedTuple

from dver.core.errors import CorruptError, NewerVersionError
from dver.formats import pack, tree
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.recipe import Recipe
from dver.formats.tree import Leaf, Sharded
from dver.store.objects.codec import Decoder, decode_recipe
from dver.store.repair.damage import DamagedPart


class FrameVerdict(NamedTuple):
    """The damage of a frame, or the decoded tree or recipe in it."""

    part: DamagedPart | None = None
    why: str = ""
    below: Leaf | Sharded | Recipe | None = None


def verify_frame(row: Row, frame: bytes | memoryview, decoder: Decoder) -> FrameVerdict:
    """Verify `frame` by `row`, its checksum and its oid, and decode it. A checksum of 0 in `row` is unknown.

    Raises CorruptError for data of a newer version.
    """
    try:
        if row.checksum:
            pack.check_frame(row, frame)
        _, content = decoder.open_frame(row, frame)
        if row.codec is Codec.CHUNKED:
            return FrameVerdict(below=decode_recipe(row, content))
    except CorruptError as error:
        if isinstance(error, NewerVersionError):
            raise
        return FrameVerdict(DamagedPart.FRAME, error.why or error.what)
    if row.kind is not ObjectKind.TREE:
        return FrameVerdict()
    try:
        return FrameVerdict(below=tree.decode(content))
    except CorruptError as error:
        if isinstance(error, NewerVersionError):
            raise
        return FrameVerdict(DamagedPart.TREE, error.what)
