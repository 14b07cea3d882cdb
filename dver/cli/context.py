"""The object that every command gets: output, verbosity, progress and the working directory."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from dver.cli.render import terminal

if TYPE_CHECKING:
    from dver.cli.progress import TerminalProgress
    from dver.core.errors import DverError
    from dver.core.progress import Progress

LISTED: Final = 10
"""Without `-v`, a long list ends after this many lines."""


class OutputClosedError(Exception):
    """The reader of standard output has closed it, as `head` does. This is not an error of the user."""


def unwritten(error: OSError, stream: str = "standard output") -> OutputClosedError | DverError:
    """The error to report when a write to a standard stream fails."""
    from dver.core.files import explain

    if isinstance(error, BrokenPipeError):
        return OutputClosedError()
    error.filename = stream
    return explain(error)


class Context:
    """The object that click passes to commands (`@click.pass_obj`)."""

    def __init__(self) -> None:
        self.quiet = False
        self.verbose = 0
        self.silent = False
        """Whether `say` prints nothing: the command reports actions, and `-q` was given."""
        self.json_due = False
        """Whether `--json` was given and no JSON was printed yet."""
        self._bars: TerminalProgress | None = None

    @property
    def cwd(self) -> Path:
        """The directory in which the command runs: the shell's, or that of `--cd`."""
        return Path.cwd()

    @cached_property
    def progress(self) -> Progress:
        """The progress for operations: bars on a terminal, a line every few seconds in a log, nothing with `-q`."""
        if self.quiet or sys.stderr is None:
            from dver.core.progress import SILENT

            return SILENT
        from dver.cli.progress import TerminalProgress  # with threads: only for commands that may take long

        self._bars = TerminalProgress(sys.stderr)
        return self._bars

    @cached_property
    def style(self) -> terminal.Style:
        """Colours for stdout, if it is a terminal with colours."""
        return terminal.Style(enabled=terminal.wants_color(sys.stdout))

    def say(self, text: str) -> None:
        """Print a line of the result to stdout."""
        if not self.silent:
            self._write(sys.stdout, text)

    def note(self, text: str) -> None:
        """Print a note to stderr, unless `-q` was given."""
        if not self.quiet:
            self.flush()
            self._write(sys.stderr, text)

    def warn(self, text: str) -> None:
        """Print a warning to stderr, even with `-q`."""
        style = terminal.Style(enabled=terminal.wants_color(sys.stderr))
        self.flush()
        self._write(sys.stderr, f"{style.yellow('warning:')} {text}")

    def warn_about(self, error: DverError) -> None:
        """Print an error that does not end the command as a warning: what, why and fix in one line."""
        self.warn(terminal.printable("; ".join(part for part in (error.what, error.why, error.fix) if part)))

    def listing(
        self, lines: Sequence[str], write: Callable[[str], None] | None = None, *, rest: str = " (-v lists them)"
    ) -> None:
        """Print the first ten of `lines`, or all of them with `-v`, and the number of omitted lines.

        `write` prints a line and defaults to `say`. `rest` says how to see the omitted lines.
        """
        write = write or self.say
        most = None if self.verbose else LISTED
        for line in lines[:most]:
            write(line)
        if most is not None and len(lines) > most:
            indent = re.match(r" *", lines[0])
            write(f"{indent[0] if indent else ''}… and {len(lines) - most:,} more{rest}")

    def table(self, rows: Iterable[Sequence[str]], *, right: Iterable[int] = (), indent: int = 0) -> None:
        """Print `rows` in aligned columns; the columns numbered in `right` are aligned on the right."""
        width = terminal.width() if terminal.is_terminal(sys.stdout) else None
        for line in terminal.columns(rows, right=frozenset(right), indent=indent, width=width):
            self.say(line)

    def emit_json(self, value: object) -> None:
        """Print `value`, made of dataclasses, mappings, sequences, paths, oids and enums, as JSON."""
        from dver.cli.render.json_output import encode

        self._write(sys.stdout, encode(value))
        self.json_due = False

    def emit_json_list(self, items: Iterable[object]) -> None:
        """Print `items` as a JSON array with one item in each line."""
        from dver.cli.render.json_output import encode_list

        self._write(sys.stdout, encode_list(items))
        self.json_due = False

    def forward_to_stderr(self, content: bytes) -> None:
        """Write raw bytes to stderr and flush them, unless `-q` was given."""
        if self.quiet or sys.stderr is None:
            return
        try:
            with self._bars.hidden() if self._bars else nullcontext():
                sys.stderr.flush()
                sys.stderr.buffer.write(content)
                sys.stderr.buffer.flush()
        except OSError as error:
            raise unwritten(error, "standard error") from error

    def write_bytes(self, content: bytes, *, now: bool = False) -> None:
        """Write raw bytes to stdout, in order with the output of `say`. `now` flushes them to the reader."""
        if sys.stdout is None:  # the shell closed it
            return
        try:
            sys.stdout.flush()
            rest = memoryview(content)
            while rest:  # with PYTHONUNBUFFERED, common in containers, a write may be partial
                rest = rest[sys.stdout.buffer.write(rest) :]
            if now:
                sys.stdout.buffer.flush()
        except OSError as error:
            raise unwritten(error) from error

    def flush(self) -> None:
        """Flush stdout: lines of both streams stay in order in one log, and a failure can be reported."""
        if sys.stdout is None:
            return
        try:
            sys.stdout.flush()
        except OSError as error:
            raise unwritten(error) from error

    def _write(self, stream: TextIO | None, text: str) -> None:
        if stream is None:  # the shell closed it: `dver … >&-`
            return
        try:
            with self._bars.hidden() if self._bars else nullcontext():
                stream.write(text + "\n")
        except OSError as error:
            raise unwritten(error, "standard error" if stream is sys.stderr else "standard output") from error
