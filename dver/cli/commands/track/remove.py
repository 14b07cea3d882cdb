"""`dver remove`: stop tracking data."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.ops.track.remove import remove
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver remove data/", "Stop tracking data/ and keep the files."),
        ("dver remove --data models/old.bin", "Also delete the file if the store has it."),
        ("dver remove data/bad.png", "Remove one file from a tracked directory."),
    ],
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--data", is_flag=True, help="Also delete the data from the workspace if the store has it.")
@click.option("--force", is_flag=True, help="Delete even unsaved files.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, paths: tuple[str, ...], data: bool, force: bool, as_json: bool) -> None:
    """Stop tracking data.

    Removes the pointer and the line in .gitignore, and stages both for Git. The data stays in the workspace and in
    earlier commits. A PATH inside a tracked directory is removed from it and deleted from the workspace; the rest of
    the directory need not be checked out.
    """
    with Repository.open(ctx.cwd) as repo:
        result = remove(repo, paths, cwd=ctx.cwd, data=data, force=force, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
            return
        ctx.listing([f"no longer tracked: {path_text(repo, path)}" for path in result.untracked])
        ctx.listing([f"removed {path_text(repo, path)}" for path in result.taken_out])
        if result.deleted:
            ctx.note(f"deleted {terminal.count(result.deleted, 'file')} from the workspace")
        print_staged(ctx, repo)
