"""`dver ls`: list tracked data."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.cli.render.data.repository_files import print_files
from dver.core.phrasing import human_size
from dver.formats.tree import Kind
from dver.ops.inspect.ls import ListedPath, LsResult, ls
from dver.repo import Repository


@options.command(
    examples=[
        ("dver ls", "List tracked data."),
        ("dver ls --size data/", "List a tracked directory with sizes."),
        ("dver ls -R --rev v1 data/", "List all its files at v1."),
        ("dver ls https://host/team/data.git@v1:images", "List a directory of another repository."),
    ]
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--rev", metavar="REV", help="List the data of this revision.")
@click.option("-R", "--recursive", is_flag=True, help="List all files, not only one level.")
@click.option("--size", is_flag=True, help="Show sizes and numbers of files.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context, *, paths: tuple[str, ...], rev: str | None, recursive: bool, size: bool, as_json: bool
) -> None:
    """List tracked data.

    Reads pointers and the store only: the data need not be checked out. Paths are relative to the current directory;
    with --json, to the top of the Git worktree. Directories end in a slash.

    A single PATH may be @REV:PATH, or REPO@REV:PATH for another repository, as of `dver list`.
    """
    address = options.data_address(paths, rev)
    if address is not None and address.repo is not None:
        from dver.ops.share.list_files import list_files  # only for other repositories

        with list_files(address.repo, address.path, cwd=ctx.cwd, rev=address.rev, recursive=recursive) as found:
            print_files(ctx, found, size=size, as_json=as_json)
        return
    paths, rev = ((address.path or ".",), address.rev) if address is not None else (paths, rev)
    with Repository.open(ctx.cwd) as repo:
        listing = ls(repo, paths, cwd=ctx.cwd, rev=rev, recursive=recursive)
        if as_json:
            ctx.emit_json(listing.entries)
        elif not listing.entries:
            ctx.note("no tracked data" + (f" at {rev}" if rev else "; `dver add PATH` tracks PATH"))
        elif size:
            _print_sizes(ctx, repo, listing)
        else:
            for one in listing.entries:
                ctx.say(_name(ctx, repo, one))


def _print_sizes(ctx: Context, repo: Repository, listing: LsResult) -> None:
    ctx.table(
        ((human_size(one.size), terminal.count(one.files, "file"), _name(ctx, repo, one)) for one in listing.entries),
        right=(0, 1),
    )
    if len(listing.entries) > 1:
        files = terminal.count(sum(one.files for one in listing.entries), "file")
        ctx.note(f"{human_size(sum(one.size for one in listing.entries))} in {files}")


def _name(ctx: Context, repo: Repository, one: ListedPath) -> str:
    name = path_text(repo, one.path)
    return ctx.style.cyan(name + "/") if one.kind is Kind.DIRECTORY else name
