"""`dver ls`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.changes import shown
from dver.formats.tree import Kind
from dver.ops.inspect.ls import Listed, Listing, ls
from dver.repo import Repository


@options.command(
    examples=[
        ("dver ls", "What is tracked here."),
        ("dver ls --size data/", "What is in a tracked directory, and how large it is."),
        ("dver ls -R --rev v1 data/", "All its files, as they were at v1."),
    ]
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--rev", metavar="REV", help="List what was tracked at this revision.")
@click.option("-R", "--recursive", is_flag=True, help="List all files below, not one level.")
@click.option("--size", is_flag=True, help="Show sizes, and how many files directories have.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context, *, paths: tuple[str, ...], rev: str | None, recursive: bool, size: bool, as_json: bool
) -> None:
    """List tracked data.

    Reads pointers and the store only: the data need not be checked out. Paths are relative to the current directory;
    in --json, to the top of the Git worktree. Directories end in a slash.
    """
    with Repository.open(ctx.cwd) as repo:
        listing = ls(repo, paths, cwd=ctx.cwd, rev=rev, recursive=recursive)
        if as_json:
            ctx.emit_json([{**one._asdict(), "kind": one.kind.name.lower()} for one in listing.entries])
        elif not listing.entries:
            ctx.note("nothing is tracked here" + (f" at {rev}" if rev else "; `dver add PATH` begins"))
        elif size:
            _tell_sizes(ctx, repo, listing)
        else:
            for one in listing.entries:
                ctx.say(_name(ctx, repo, one))


def _tell_sizes(ctx: Context, repo: Repository, listing: Listing) -> None:
    ctx.table(
        (
            (terminal.human_size(one.size), terminal.count(one.files, "file"), _name(ctx, repo, one))
            for one in listing.entries
        ),
        right=(0, 1),
    )
    if len(listing.entries) > 1:
        files = terminal.count(sum(one.files for one in listing.entries), "file")
        ctx.note(f"{terminal.human_size(sum(one.size for one in listing.entries))} in {files}")


def _name(ctx: Context, repo: Repository, one: Listed) -> str:
    name = shown(repo, one.path)
    return ctx.style.cyan(name + "/") if one.kind is Kind.DIRECTORY else name
