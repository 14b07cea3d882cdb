"""Maps every exception to a message and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Final, NamedTuple, TextIO

import click

from dver.cli.context import OutputClosedError
from dver.cli.render import terminal
from dver.core.errors import DverError

EXIT_USAGE: Final = 2
EXIT_INTERNAL: Final = 70  # EX_SOFTWARE of sysexits.h
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
EXIT_OUTPUT_CLOSED: Final = 141  # 128 + SIGPIPE


class Report(NamedTuple):
    """An error as printed in text or JSON."""

    what: str
    why: str | None
    fix: str | None
    exit_code: int


def debugging() -> bool:
    """Whether to print tracebacks (DVER_DEBUG=1)."""
    return os.environ.get("DVER_DEBUG", "0") not in ("", "0")


def report(error: BaseException) -> int:
    """Print `error` to stderr and return its exit code."""
    if isinstance(error, OutputClosedError):
        abandon(sys.stdout)
        abandon(sys.stderr)
        return EXIT_OUTPUT_CLOSED
    if debugging():
        _print_traceback(error)
    if _is_interrupt(error):
        _print("interrupted")
        return EXIT_INTERRUPTED
    described = describe(error)
    _print_report(described)
    return described.exit_code


def error_line(error: BaseException) -> str:
    """What happened and why in one line, for warnings."""
    described = describe(error)
    return _one_line(f"{described.what}: {described.why}" if described.why else described.what)


def describe(error: BaseException) -> Report:
    """The message, cause, fix and exit code of any exception."""
    if _is_interrupt(error):
        return Report("interrupted", None, None, EXIT_INTERRUPTED)
    if isinstance(error, DverError):
        return Report(error.what, error.why, error.fix, error.exit_code)
    if isinstance(error, click.ClickException):
        return Report(_sentence(error.format_message()), None, _see_help(error), EXIT_USAGE)
    if isinstance(error, OSError):
        from dver.core.files import explain

        return describe(explain(error))
    if isinstance(error, RecursionError):
        return Report("directories are nested too deeply", "a few hundred levels are the limit", None, EXIT_USAGE)
    if isinstance(error, MemoryError):
        return Report("out of memory", "the system has no more", "close other programs, or use -j 1", EXIT_INTERNAL)
    fix = None if debugging() else "set DVER_DEBUG=1 for the traceback, and report it"
    return Report(f"internal error: {type(error).__name__}: {error}", "this is a bug in dver", fix, EXIT_INTERNAL)


def _is_interrupt(error: BaseException) -> bool:
    return isinstance(error, (KeyboardInterrupt, click.Abort))


def _sentence(message: str) -> str:
    """Click's message in dver's style: `No such option: --x.` becomes `no such option: --x`."""
    message = " ".join(message.split()).removesuffix(".")
    return message[:1].lower() + message[1:]


def _see_help(error: click.ClickException) -> str | None:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if ctx is None:
        return None
    if isinstance(error, click.NoSuchOption):
        from dver.cli.dvc_hints import for_option

        known = for_option(ctx.command_path, error.option_name)
        if known is not None:
            return known
    return f"see `{ctx.command_path} --help`"


def _print_report(described: Report) -> None:
    style = terminal.Style(enabled=terminal.wants_color(sys.stderr))
    _print(f"{style.red('error:')} {_one_line(described.what)}")
    if described.why:
        _print(f"why: {_one_line(described.why)}")
    if described.fix:
        _print(f"fix: {_one_line(described.fix)}")


def _one_line(text: str) -> str:
    """`text` with control characters escaped: messages may contain names from untrusted sources."""
    return "".join(char if char.isprintable() else _visible(char) for char in text)


def _visible(char: str) -> str:
    return " " if char == "\n" else char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _print(text: str) -> None:
    try:
        if sys.stderr is not None:
            print(text, file=sys.stderr, flush=True)
    except OSError:  # stderr is closed; the exit code remains
        abandon(sys.stderr)


def _print_traceback(error: BaseException) -> None:
    import traceback

    if sys.stderr is not None:
        traceback.print_exception(error)


def abandon(stream: TextIO | None) -> None:
    """Redirect `stream` to /dev/null, so that the interpreter's last flush does not fail again."""
    if stream is not None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
