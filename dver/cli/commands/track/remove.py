"""`dver remove`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged
from dver.cli.render import terminal
from dver.cli.render.changes import shown
from dver.ops.track.remove import remove
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver remove data/", "Stop tracking data/; the files stay where they are."),
        ("dver remove --data models/old.bin", "Delete the file, too, if it is saved."),
        ("dver remove data/bad.png", "Take one file out of a tracked directory."),
    ],
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--data", is_flag=True, help="Delete the data from the workspace, too, if it is saved in the store.")
@click.option("--force", is_flag=True, help="Delete even what is saved nowhere.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, paths: tuple[str, ...], data: bool, force: bool, as_json: bool) -> None:
    """Stop tracking data.

    The pointer and the line in .gitignore go, staged for Git; the data stays, in the workspace and in earlier commits.
    A PATH inside of a tracked directory is taken out of it and deleted from the workspace; the rest of the directory
    need not be here.
    """
    with Repository.open(ctx.cwd) as repo:
        result = remove(repo, paths, cwd=ctx.cwd, data=data, force=force, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
            return
        ctx.listing([f"no longer tracked: {shown(repo, path)}" for path in result.untracked])
        ctx.listing([f"removed {shown(repo, path)}" for path in result.taken_out])
        if result.deleted:
            ctx.note(f"deleted {terminal.count(result.deleted, 'file')} from the workspace")
        print_staged(ctx, repo)
