"""Writes docs/cli.md from the commands: `python -m dver.cli.reference [FILE]`.

A verb without a module is an error, not a gap in the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from pathlib import Path

import click

from dver.cli.main import cli
from dver.cli.options import GLOBAL_OPTIONS, Example
from dver.cli.verbs import SECTIONS

_INTRODUCTION = """\
<!-- Written by `make docs` from the commands. Changes made here are lost. -->
# Commands
"""


def reference() -> str:
    """The page, as Markdown."""
    with click.Context(cli, info_name="dver") as root:
        return "\n".join(_page(root)).rstrip() + "\n"


def _page(root: click.Context) -> Iterator[str]:
    yield _INTRODUCTION
    for section, verbs in SECTIONS.items():
        links = ", ".join(f"[`{verb}`](#dver-{verb})" for verb in verbs)
        yield f"- {section}: {links}"
    yield "\n## Options of every command\n"
    yield "Accepted before the verb and after it. The exit codes are in [exit-codes.md](exit-codes.md).\n"
    yield from _definitions(root, GLOBAL_OPTIONS)
    for verb in (verb for verbs in SECTIONS.values() for verb in verbs):
        command = cli.get_command(root, verb)
        assert command is not None  # it would have been a ModuleNotFoundError
        yield from _command(root, command, level=2)


def _command(parent: click.Context, command: click.Command, *, level: int) -> Iterator[str]:
    with click.Context(command, info_name=command.name, parent=parent) as ctx:
        yield f"{'#' * level} {ctx.command_path}\n"
        yield f"```\n{' '.join([ctx.command_path, *command.collect_usage_pieces(ctx)])}\n```\n"
        yield _prose(command.help or "") + "\n"
        yield from _definitions(ctx, command.params)
        yield from _examples(getattr(command, "examples", ()))
        if isinstance(command, click.Group):
            for name in command.list_commands(ctx):
                part = command.get_command(ctx, name)
                assert part is not None
                yield from _command(ctx, part, level=level + 1)


def _prose(help_text: str) -> str:
    """A command's help; `\\b` marks paragraphs that click must not wrap: here they become blocks."""
    paragraphs = cleandoc(help_text).replace("\f", "").split("\n\n")
    return "\n\n".join(
        "```\n" + text.removeprefix("\b\n") + "\n```" if text.startswith("\b\n") else text for text in paragraphs
    )


def _definitions(ctx: click.Context, params: Sequence[click.Parameter]) -> Iterator[str]:
    records = [record for param in params if (record := param.get_help_record(ctx)) is not None]
    described = [f"- `{names}`: {text}" for names, text in records if text]
    yield from [*described, ""] if described else []


def _examples(examples: Sequence[Example]) -> Iterator[str]:
    if examples:
        yield "Examples:\n\n```"
        width = max(len(line) for line, _ in examples)
        yield from (f"{line:{width}}   # {meaning}" for line, meaning in examples)
        yield "```\n"


def main(arguments: list[str]) -> None:
    """Write the page to the file named in `arguments`, or to stdout."""
    if arguments:
        Path(arguments[0]).write_text(reference(), encoding="utf-8")
    else:
        print(reference(), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
