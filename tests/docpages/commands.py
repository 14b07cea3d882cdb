"""Commands that texts name: do they exist, with their options?"""

from __future__ import annotations

import shlex

import click

from dver.cli.context import Context
from dver.cli.main import cli


def parse(line: str, *, complete: bool) -> None:
    """Raises click's UsageError unless `line` names commands and options that exist."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = cli
    ctx = click.Context(cli, info_name="dver", obj=Context())
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        found = command.get_command(ctx, name)
        default = getattr(command, "default", None)
        if found is None and default is not None:  # as in `dver monitor live.csv`
            words.insert(0, name)
            found = command.get_command(ctx, default)
        if found is None:
            raise click.UsageError(f"no command {name!r}")
        command = found
    try:
        command.make_context(command.name, words, parent=ctx)
    except click.exceptions.Exit:  # --help
        return
    except click.MissingParameter:
        if complete:
            raise
    except click.UsageError:
        if complete or words:  # a group without its subcommand may be spoken of
            raise
