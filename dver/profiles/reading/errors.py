"""Errors of tables that cannot be read, with the file and the row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dver.core.errors import CorruptError, DverError
from dver.core.phrasing import one_line

_WHY_MAX = 200


def bad_row(name: str, row: int, why: str, fix: str = "correct the row") -> CorruptError:
    """The error for row `row` (1 is the first after the header) of the table `name`."""
    return CorruptError(f"{name!r} cannot be read at row {row:,}", why=why, fix=fix)


def bad_table(name: str, why: str, fix: str = "check that its content fits its suffix") -> CorruptError:
    """The error for a table that is not what its suffix says."""
    return CorruptError(f"{name!r} cannot be read", why=why, fix=fix)


@contextmanager
def arrow_errors(name: str, rows_read: RowsRead) -> Iterator[None]:
    """Turn errors of Arrow into ours, with the rows that were read before."""
    import pyarrow as pa

    try:
        yield
    except DverError:
        raise
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, OverflowError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        why = one_line(str(error).partition("\n")[0])[:_WHY_MAX]
        if not rows_read.rows:
            raise bad_table(name, why) from error
        raise CorruptError(
            f"{name!r} cannot be read after row {rows_read.rows:,}", why=why, fix="restore the file, or write it again"
        ) from error


class RowsRead:
    """How many rows were read until an error."""

    def __init__(self) -> None:
        self.rows = 0
