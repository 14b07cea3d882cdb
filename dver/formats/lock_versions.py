"""Reading many versions of lock files. Stages that do not change between versions are decoded once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from dver.core.errors import ConflictError, CorruptError
from dver.formats import lock
from dver.formats.lock import Lock, LockedStage

_HEAD: Final = b"stages:\n"
_END: Final = b"version: %d\n" % lock.VERSION
_STAGE: Final = re.compile(rb"(?m)^(?=  [^ ])")


class LockVersions:
    """Decodes lock files, and caches decoded stages by their lines."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, LockedStage]] = {}

    def decode(self, content: bytes) -> Lock:
        """Decode a lock file, as `lock.decode` does."""
        try:
            pairs = [self._stage(block) for block in _blocks(content)]
        except (CorruptError, ConflictError):
            return lock.decode(content)  # for the error with its line
        names = [name for name, _ in pairs]
        if not names or any(left >= right for left, right in pairwise(names)):
            return lock.decode(content)
        return Lock(dict(pairs))

    def _stage(self, block: bytes) -> tuple[str, LockedStage]:
        if block not in self._known:
            (self._known[block],) = lock.decode(_HEAD + block + _END).stages.items()
        return self._known[block]


def _blocks(content: bytes) -> Sequence[bytes]:
    """The lines of each stage; empty if `content` does not have the form of a lock file."""
    if len(content) > lock.MAX_SIZE or not (content.startswith(_HEAD) and content.endswith(_END)):
        return ()
    first, *blocks = _STAGE.split(content[len(_HEAD) : -len(_END)])
    return () if first else blocks
