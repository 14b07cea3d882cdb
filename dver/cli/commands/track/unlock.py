"""`dver unlock`: make linked files writable."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.core.phrasing import human_size
from dver.ops.track.unlock import unlock
from dver.repo import Repository


@options.command(
    examples=[
        ("dver unlock models/net.bin", "Make a file writable; then edit it and `dver add` it."),
        ("dver unlock data/", "Make all linked files of a directory writable."),
    ]
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, paths: tuple[str, ...], as_json: bool) -> None:
    """Replace linked files with writable copies.

    With cache.link set to hardlink or symlink, large files in the workspace are read-only links to the store. Replaces
    them with writable copies. With other settings there is nothing to do.
    """
    with Repository.open(ctx.cwd) as repo:
        result = unlock(repo, paths, cwd=ctx.cwd, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
        elif not result.unlocked:
            ctx.say("no linked files")
        else:
            if ctx.verbose:
                for path in result.unlocked:
                    ctx.say(path_text(repo, path))
            for path in result.edited:
                ctx.warn(f"{path_text(repo, path)} was edited through its link to the store; it keeps the edits")
            if result.edited:
                ctx.warn("the earlier version is damaged in the store: `dver fsck --repair` looks for a good copy")
            ctx.say(f"unlocked {terminal.count(len(result.unlocked), 'file')}, {human_size(result.size)}")
