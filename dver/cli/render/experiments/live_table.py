"""The table of experiments on a terminal, drawn again and again until Ctrl-C."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.experiments.table import notes, table_lines
from dver.core.errors import UsageError
from dver.experiments.table.table import ExperimentTable
from dver.formats.experiment import ExperimentStatus

_INTERVAL: Final = 1.0
"""Seconds from one drawing to the next."""
_BUSY: Final = 4
"""The shortest pause, as a multiple of the time to read the table."""
_ENTER: Final = "\x1b[?1049h\x1b[?25l"
"""Switches to the terminal's second screen, without a cursor."""
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_BELOW: Final = "\x1b[J"


def watch_table(ctx: Context, read: Callable[[], ExperimentTable], *, precision: int | None) -> ExperimentTable:
    """Draw the table that `read` returns each second until Ctrl-C, and return the last one.

    The screen of before is back at the end. Raises UsageError if stdout is not a terminal.
    """
    if not terminal.is_terminal(sys.stdout):
        raise UsageError("--watch needs a terminal", why="standard output is not one", fix="dver exp show")
    table = read()
    ctx.write_bytes(_ENTER.encode(), now=True)
    try:
        with suppress(KeyboardInterrupt):
            while True:
                lines = screen_lines(table, ctx.style, precision=precision, size=_size())
                content = _HOME + "\r\n".join(line + _CLEAR_LINE for line in lines) + _CLEAR_BELOW
                ctx.write_bytes(content.encode("utf-8", "replace"), now=True)
                started = time.monotonic()
                table = read()
                time.sleep(max(_INTERVAL, _BUSY * (time.monotonic() - started)))
    finally:
        ctx.write_bytes(_LEAVE.encode(), now=True)
    return table


def screen_lines(
    table: ExperimentTable, style: terminal.Style, *, precision: int | None, size: tuple[int, int]
) -> Sequence[str]:
    """The lines for a screen of a given width and height; the last one says how many experiments run."""
    width, height = size
    lines, omitted = table_lines(table, style, precision=precision, width=width)
    running = sum(1 for one in table.experiments if one.status is ExperimentStatus.RUNNING)
    room = max(1, height - 1)
    below = len(lines) - room
    parts = [f"{running} running of {terminal.count(len(table.experiments), 'experiment')}"]
    parts += [f"{below} rows below"] if below > 0 else []
    parts += [*notes(table, omitted), "Ctrl-C ends"]
    return [*lines[:room], style.dim(terminal.shorten("; ".join(parts), width))]


def _size() -> tuple[int, int]:
    with suppress(OSError):
        return terminal.width(), os.get_terminal_size(1).lines or 24
    return terminal.width(), 24
