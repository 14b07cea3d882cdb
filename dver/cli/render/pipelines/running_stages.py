"""Prints running stages: prefixed lines in a log; on a terminal their output, or a table for several stages."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import click

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.errors import DverError, UsageError
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState, Watcher

_INTERVAL: Final = 0.1
"""Redraw the table at most once in this many seconds."""
_LAST_WORDS: Final = 10
"""Print this many last lines of a failed stage."""
_LONGEST: Final = 1 << 16
"""Split longer lines at this many bytes."""
_REPORTED: Final = frozenset(
    (
        StageState.RESTORED,
        StageState.DONE,
        StageState.FAILED,
        StageState.STOPPED,
        StageState.SKIPPED,
        StageState.WAITING,
    )
)
"""States that print a line."""
_WAITS: Final = "waits for the same run in another process"


@contextmanager
def watch_stages(ctx: Context, *, jobs: int) -> Iterator[Watcher | None]:
    """The watcher for the terminal or the log; None with `-q`."""
    if ctx.quiet:
        yield None
    elif not terminal.is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        yield LineWatcher(ctx)
    elif jobs == 1:
        yield OutputWatcher(ctx)
    else:
        table = TableWatcher(lambda text: ctx.forward_to_stderr(_encoded(text)), _size)
        try:
            yield table
        finally:
            table.close()


class LineWatcher:
    """Prints lines that begin with the name of their stage."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._output: dict[Address, LineSplitter] = {}

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if address in self._output and (rest := self._output.pop(address).rest):
            self._line(address, rest)
        if state is StageState.RUNNING or (state in _REPORTED and state is not StageState.DONE):
            self._ctx.note(f"{_name(address)}: {_said(state)}")

    def output(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""
        for line in self._output.setdefault(address, LineSplitter()).add(content):
            self._line(address, line)

    def tick(self) -> None:
        """Nothing is drawn."""

    def _line(self, address: Address, line: bytes) -> None:
        self._ctx.note(f"{_name(address)} | {_text(line)}")


class OutputWatcher:
    """Prints the output of one stage after the other unchanged."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._style = terminal.Style(enabled=terminal.wants_color(sys.stderr))
        self._ended = True
        """Whether the cursor is at the beginning of a line."""

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if not self._ended:
            self._ctx.forward_to_stderr(b"\n")
            self._ended = True
        if state is StageState.RUNNING or (state in _REPORTED and state is not StageState.DONE):
            self._ctx.note(self._style.bold(f"{_name(address)}: {_said(state)}"))

    def output(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""
        self._ctx.forward_to_stderr(content)
        self._ended = content.endswith(b"\n")

    def tick(self) -> None:
        """Nothing is drawn."""


@dataclass(slots=True)
class LineSplitter:
    """Splits pieces of output into lines."""

    rest: bytes = b""

    def add(self, content: bytes) -> list[bytes]:
        *lines, rest = (self.rest + content).split(b"\n")
        # Drop text that a progress bar has overwritten.
        self.rest = rest[rest.rstrip(b"\r").rfind(b"\r") + 1 :]
        if len(self.rest) > _LONGEST:
            lines.append(self.rest)
            self.rest = b""
        return lines


@dataclass(slots=True)
class _Row:
    """A running stage."""

    started: float
    split: LineSplitter = field(default_factory=LineSplitter)
    last: deque[bytes] = field(default_factory=lambda: deque(maxlen=_LAST_WORDS))

    def last_line(self) -> str:
        """The last line of output, without text that a progress bar has overwritten."""
        for line in (self.split.rest, *reversed(self.last)):
            if (text := _text(line.rstrip(b"\r"))).strip():
                return text
        return ""


class TableWatcher:
    """A table of parallel stages, redrawn in place. Lines of finished stages scroll away above it.

    `write` prints text to the terminal, `size` returns its columns and lines, `clock` returns seconds.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        size: Callable[[], tuple[int, int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._size = size
        self._clock = clock
        self._style = terminal.Style(enabled=terminal.wants_color(sys.stderr))
        self._running: dict[Address, _Row] = {}
        self._shown = 0
        """The lines of the table on the screen."""
        self._drawn = -_INTERVAL

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if state is StageState.RUNNING:
            self._running.setdefault(address, _Row(self._clock()))
            self.tick()
            return
        row = self._running.pop(address, None)
        if state in _REPORTED:
            self._draw(self._over(address, state, row))

    def output(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""
        row = self._running.setdefault(address, _Row(self._clock()))
        row.last.extend(row.split.add(content))

    def tick(self) -> None:
        """See `Watcher`."""
        if self._clock() - self._drawn >= _INTERVAL:
            self._draw()

    def close(self) -> None:
        """Erase the table; keep the lines of finished stages."""
        self._running.clear()
        self._draw()

    def _draw(self, above: tuple[str, ...] = ()) -> None:
        """Erase the table, print the lines `above`, and draw the table below them."""
        width, height = self._size()
        table = self._table(width, max(1, height - 1))
        # The screen may have become smaller, and lines that scrolled away cannot be erased.
        up = min(self._shown, height - 1)
        text = (f"\r\x1b[{up}A\x1b[J" if up else "") + "".join(f"{line}\n" for line in (*above, *table))
        if text:
            self._write(text)
        self._shown = len(table)
        self._drawn = self._clock()

    def _table(self, width: int, height: int) -> list[str]:
        rows = list(self._running.items())
        if len(rows) > height:
            rows, more = rows[: height - 1], len(rows) - height + 1
        else:
            more = 0
        names = min(max((terminal.display_width(_name(one)) for one, _ in rows), default=0), width // 2)
        lines = [self._line(_name(one), names, row) for one, row in rows]
        lines += [f"… and {terminal.count(more, 'more stage')}"] if more else []
        return [terminal.shorten(line, width - 1) for line in lines]

    def _line(self, name: str, width: int, row: _Row) -> str:
        name = terminal.shorten(name, width)
        gap = " " * (width - terminal.display_width(name))
        took = terminal.duration(self._clock() - row.started)
        return f"{name}{gap}  {StageState.RUNNING.value}  {took:>7}  {row.last_line()}"

    def _over(self, address: Address, state: StageState, row: _Row | None) -> tuple[str, ...]:
        took = f" in {terminal.duration(self._clock() - row.started)}" if row is not None else ""
        line = f"{_name(address)}: {state_text(state, _said(state), self._style)}{took}"
        if state is not StageState.FAILED or row is None:
            return (line,)
        said = [*row.last, *([row.split.rest] if row.split.rest else [])]
        return (line, *(f"{_name(address)} | {_text(one)}" for one in said))


class RunPrompt:
    """Asks before each stage: yes, no, all, or quit."""

    def __init__(self) -> None:
        if not terminal.is_terminal(sys.stdin):
            raise UsageError("cannot prompt", why="standard input is not a terminal", fix="leave out --interactive")
        self._always: bool | None = None

    def ask(self, address: Address) -> bool:
        """Whether to run the stage."""
        if self._always is None:
            choice = click.Choice(("yes", "no", "all", "quit", "y", "n", "a", "q"), case_sensitive=False)
            question = f"Run stage {_name(address)}? (yes, no, all, quit)"
            answer = click.prompt(question, type=choice, show_choices=False, err=True)[0].lower()
            if answer in "yn":
                return bool(answer == "y")
            self._always = answer == "a"
        return self._always


def state_text(state: StageState, text: str, style: terminal.Style) -> str:
    """`text` in the color of `state`."""
    if state in (StageState.FAILED, StageState.STOPPED):
        return style.red(text)
    return style.green(text) if state in (StageState.DONE, StageState.RESTORED) else text


def _said(state: StageState) -> str:
    return _WAITS if state is StageState.WAITING else state.value


def _name(address: Address) -> str:
    return terminal.printable(str(address))


def _text(line: bytes) -> str:
    """The visible text of a line: the last text after carriage returns, without colours."""
    shown = click.unstyle(line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace"))
    return "".join(char if char.isprintable() else " " if char == "\t" else "�" for char in shown)


def _size() -> tuple[int, int]:
    return terminal.width(), max(2, shutil.get_terminal_size().lines)


def _encoded(text: str) -> bytes:
    return text.encode(getattr(sys.stderr, "encoding", None) or "utf-8", "backslashreplace")
