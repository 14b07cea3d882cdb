"""A whole file as ranges that are read ahead of their use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

from dver.core.errors import RemoteError
from dver.remote.parallel import in_parallel
from dver.remote.urls.url_info import PIECE, shown

_AHEAD: Final = 4


def range_pieces(read: Callable[[str, int, int], bytes], url: str, size: int) -> Iterator[bytes]:
    """The file of `size` bytes at `url` in pieces of 4 MiB, of which up to four are in memory.

    Raises RemoteError if the file is shorter now.
    """
    starts = range(0, size, PIECE)

    def read_at(start: int) -> bytes:
        length = min(PIECE, size - start)
        piece = read(url, start, length)
        if len(piece) != length:
            raise changed_source(url)
        return piece

    with closing(in_parallel(read_at, starts, jobs=min(_AHEAD, max(1, len(starts))))) as pieces:
        yield from pieces


def changed_source(url: str) -> RemoteError:
    """The error for a file that another program replaced while dver read it."""
    return RemoteError(
        f"{shown(url)} changed while it was read",
        why="another program writes it",
        fix="run the same command again when nothing writes to the source",
    )
