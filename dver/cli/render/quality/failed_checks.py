"""Failed checks that only warn, and checks that were skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dver.cli.context import Context
from dver.cli.render.data.changes import path_text
from dver.core.errors import DverError
from dver.core.phrasing import one_line
from dver.formats.pointer import Pointer
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.checks.result import CheckedData


def warn_about_checks(ctx: Context, checked: Sequence[CheckedData]) -> None:
    """Print a warning for each failed check that does not refuse the data."""
    if not any(one.warnings for one in checked):
        return
    from dver.gates.errors import result_text

    lines = [one_line(result_text(result, one.path)) for one in checked for result in one.warnings]
    ctx.listing([f"check failed: {line}" for line in lines], ctx.warn)


@contextmanager
def warning_about_checks(ctx: Context) -> Iterator[None]:
    """Print the failed checks that only warn also if the data is refused for others."""
    try:
        yield
    except DverError as error:
        warn_about_checks(ctx, getattr(error, "checked", ()))
        raise


def note_skipped_checks(ctx: Context, repo: Repository, path: bytes, pointer: Pointer) -> None:
    """Say that checks of data were skipped, if its pointer says so."""
    if pointer.checks_skipped:
        ctx.note(f"checks of {path_text(repo, path)} were skipped; its pointer says so")
