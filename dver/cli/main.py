"""The entry point: finds the verb, runs it, and returns its exit code.

Start-up adds to the time of every command, so this module imports click and little else. The module of a verb is
imported when the verb is given.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from dver.cli import options
from dver.cli.context import Context, OutputClosedError
from dver.cli.errors import abandon, report
from dver.cli.render import terminal
from dver.cli.verbs import HIDDEN, SECTIONS, SUMMARIES, module_of
from dver.core.errors import DverError
from dver.core.version import __version__
from dver.core.worktree_lock import Waiting, waiting


class _Dver(options.Group):
    """The group of all verbs. It knows their names and summaries, and imports only the verb that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in SUMMARIES and name not in HIDDEN:
            return None
        command = import_module(module_of(name)).command
        assert isinstance(command, click.Command)
        command.name = name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, verbs in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(list(verbs.items()), col_max=12)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        if incomplete.startswith("-"):
            return super(click.Group, self).shell_complete(ctx, incomplete)
        from click.shell_completion import CompletionItem

        return [CompletionItem(name, help=text) for name, text in SUMMARIES.items() if name.startswith(incomplete)]


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.ensure_object(Context).say(f"dver {__version__}")
        ctx.exit()


@click.command(
    cls=_Dver,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=[
        ("dver init", "Create a project in this Git repository."),
        ("dver add data/", "Track a directory."),
        ("dver add --help", "Show the help of a command."),
    ],
)
@click.option("--version", is_flag=True, expose_value=False, callback=_print_version, help="Print the version.")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Version datasets and models beside code in Git.

    Git tracks small pointer files. The data itself is in a store on this machine and on your remotes.
    """
    if ctx.invoked_subcommand is None:
        ctx.obj.say(ctx.get_help())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's) and return its exit code. Never raises."""
    context = Context()
    waiting.set(Waiting(lambda holder: context.warn(f"waiting for {terminal.printable(str(holder))}")))
    try:
        if "_DVER_COMPLETE" in os.environ:  # a shell asks for completions
            from dver.cli.completion import complete

            code = complete(cli, os.environ["_DVER_COMPLETE"], obj=context)
        else:
            code = _run(list(sys.argv[1:] if argv is None else argv), context)
        context.flush()
    except (Exception, KeyboardInterrupt) as error:  # every exception becomes a message
        return _report_last(error, context)
    return code


def _run(args: list[str], context: Context) -> int:
    _escape_unencodable()
    try:
        with cli.make_context("dver", args, obj=context) as ctx:
            return cli.invoke(ctx) or 0
    except click.exceptions.Exit as stop:
        return stop.exit_code


def _escape_unencodable() -> None:
    """Print characters that the terminal's encoding lacks as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _report_last(error: BaseException, context: Context) -> int:
    """Print `error` after all earlier output, or the failure to print that output.

    With `--json`, stdout gets the error in place of the result.
    """
    try:
        if context.json_due and not isinstance(error, OutputClosedError):
            context.emit_json({"error": error})
        context.flush()
    except (OutputClosedError, DverError) as failure:
        abandon(sys.stdout)
        return report(failure)
    return report(error)
