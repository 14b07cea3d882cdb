"""What every command is handed: how to speak, how much, and from where."""

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
"""Lines of a long list that are printed without `-v`."""


class OutputClosedError(Exception):
    """Whoever read our standard output has stopped reading, as `head` does. No mistake of anybody's."""


def unwritten(error: OSError, stream: str = "standard output") -> OutputClosedError | DverError:
    """What a failure to write to a standard stream means."""
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
        """Whether `say` prints nothing: it would report what the command did, and `-q` was given."""
        self.json_due = False
        """Whether `--json` was given, and stdout has no JSON yet."""
        self._bars: TerminalProgress | None = None

    @property
    def cwd(self) -> Path:
        """The directory in which the command runs: the shell's, or that of `--cd`."""
        return Path.cwd()

    @cached_property
    def progress(self) -> Progress:
        """Where operations report: bars on a terminal, a line now and then in a log, nothing with `-q`."""
        if self.quiet or sys.stderr is None:
            from dver.core.progress import SILENT

            return SILENT
        from dver.cli.progress import TerminalProgress  # with threads: only for commands that may take long

        self._bars = TerminalProgress(sys.stderr)
        return self._bars

    @cached_property
    def style(self) -> terminal.Style:
        """Colours for stdout; plain text where they would not be seen as such."""
        return terminal.Style(enabled=terminal.wants_color(sys.stdout))

    def say(self, text: str) -> None:
        """Print `text`, a part of the result, and a line end to stdout."""
        if not self.silent:
            self._write(sys.stdout, text)

    def note(self, text: str) -> None:
        """Print a remark to stderr, unless `-q` was given."""
        if not self.quiet:
            self._flush()
            self._write(sys.stderr, text)

    def warn(self, text: str) -> None:
        """Print a warning to stderr, even with `-q`."""
        style = terminal.Style(enabled=terminal.wants_color(sys.stderr))
        self._flush()
        self._write(sys.stderr, f"{style.yellow('warning:')} {text}")

    def warn_of(self, error: DverError) -> None:
        """Warn of an error that does not end the command: what, why and fix in one line."""
        self.warn(terminal.printable("; ".join(part for part in (error.what, error.why, error.fix) if part)))

    def listing(
        self, lines: Sequence[str], write: Callable[[str], None] | None = None, *, rest: str = " (-v lists them)"
    ) -> None:
        """Print the first ten of `lines`, or all of them with `-v`, and how many more there are.

        `write` is where they go: `say`, unless told otherwise. `rest` says how to see the others.
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

    def pass_on(self, content: bytes) -> None:
        """Write raw bytes to stderr at once, unless `-q` was given."""
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
        """Write raw bytes to stdout, in order with what `say` printed; with `now`, whoever reads sees them at once."""
        if sys.stdout is None:  # the shell closed it
            return
        try:
            sys.stdout.flush()
            rest = memoryview(content)
            while rest:  # with PYTHONUNBUFFERED, as containers have it, a write may take only a part
                rest = rest[sys.stdout.buffer.write(rest) :]
            if now:
                sys.stdout.buffer.flush()
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

    def _flush(self) -> None:
        """Write what stdout holds back, so that one log of both streams has their lines in order."""
        if sys.stdout is None:
            return
        try:
            sys.stdout.flush()
        except OSError as error:
            raise unwritten(error) from error
