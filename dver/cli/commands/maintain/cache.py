"""`dver cache`: the user's cache."""

from __future__ import annotations

import time

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.phrasing import human_size
from dver.ops.maintain.cache import CacheContents, clear_cache, list_cache

_DAY = 86400


@options.group(
    examples=[
        ("dver cache list", "List the contents of your cache."),
        ("dver cache clear", "Delete all of it."),
    ]
)
def command() -> None:
    """List and clear your cache of data from remotes.

    Reads from Python and of other repositories keep what they download there. It can be deleted at any time. The store
    of a project is elsewhere: `dver gc` cleans it up.

    `dver config set --global user_cache.size 50GB` changes the size limit.
    """


@command.command(name="list", examples=[("dver cache list", "List sizes and the times of the last use.")])
@options.json_option
@click.pass_obj
def list_command(ctx: Context, *, as_json: bool) -> None:
    """List cached objects, mirrors of Git repositories and copies of models."""
    contents = list_cache()
    if as_json:
        ctx.emit_json(contents)
        return
    ctx.table(_rows(contents), right=(1, 2))
    limit = human_size(contents.limit)
    ctx.say(f"{human_size(contents.size)} in {terminal.printable(contents.directory)}; limit of objects: {limit}")


@command.command(
    name="clear",
    acts=True,
    examples=[
        ("dver cache clear", "Delete everything."),
        ("dver cache clear --unused 30d", "Delete what you did not use for 30 days."),
        ("dver cache clear --mirrors", "Delete the mirrors of Git repositories only."),
    ],
)
@click.option("--objects", is_flag=True, help="Delete objects only.")
@click.option("--mirrors", is_flag=True, help="Delete mirrors of Git repositories only.")
@click.option("--models", is_flag=True, help="Delete copies of models only.")
@click.option("--unused", metavar="DURATION", help="Delete what was not used for DURATION, such as 30d, only.")
@options.json_option
@click.pass_obj
def clear_command(
    ctx: Context, *, objects: bool, mirrors: bool, models: bool, unused: str | None, as_json: bool
) -> None:
    """Delete the contents of your cache."""
    seconds = None if unused is None else options.seconds_of("--unused", unused)
    everything = not (objects or mirrors or models)
    gone = clear_cache(
        objects=objects or everything, mirrors=mirrors or everything, models=models or everything, unused_for=seconds
    )
    if as_json:
        ctx.emit_json(gone)
        return
    counts = [
        terminal.count(gone.objects.count, "object"),
        terminal.count(len(gone.mirrors), "mirror"),
        *([terminal.count(len(gone.models), "model")] if gone.models else []),
    ]
    ctx.say(f"deleted {' and '.join((', '.join(counts[:-1]), counts[-1]))}, {human_size(gone.size)}")


def _rows(contents: CacheContents) -> list[tuple[str, str, str, str]]:
    objects = contents.objects
    return [
        ("objects", f"{objects.count:,}", human_size(objects.size), _age(objects.last_used)),
        *((terminal.printable(one.url), "", human_size(one.size), _age(one.last_used)) for one in contents.mirrors),
        *((one.reference, "", human_size(one.size), _age(one.last_used)) for one in contents.models),
    ]


def _age(last_used: float | None) -> str:
    if last_used is None:
        return ""
    days = int((time.time() - last_used) / _DAY)
    return "used today" if days < 1 else f"used {terminal.count(days, 'day')} ago"
