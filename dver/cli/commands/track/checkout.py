"""`dver checkout`."""

from __future__ import annotations

from pathlib import Path

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_ignored_settings
from dver.cli.render import terminal
from dver.cli.render.changes import shown
from dver.cli.render.checkout import exit_code_of, print_restored
from dver.ops.track.checkout import checkout
from dver.repo import Repository
from dver.tracking.targets import split_revision


@options.command(
    acts=True,
    examples=[
        ("dver checkout", "Bring all data to what the pointers say, as after `git checkout v1`."),
        ("dver checkout v1 data/", "Bring data/ and its pointer to what they were at v1."),
        ("dver checkout --relink", "After a change of cache.link: link existing files as it says."),
        ("dver checkout v1 data/ --to /tmp/old", "Write that to /tmp/old/data instead."),
    ],
)
@click.argument("arguments", nargs=-1, metavar="[REV] [PATH...]")
@click.option("-f", "--force", is_flag=True, help="Overwrite and delete even what is saved nowhere.")
@click.option("--relink", is_flag=True, help="Link existing large files again, as cache.link says.")
@click.option("--to", metavar="DIR", help="Write below DIR, and leave the workspace alone.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context, *, arguments: tuple[str, ...], force: bool, relink: bool, to: str | None, as_json: bool
) -> int:
    """Check out data for the current pointers or a revision.

    Without REV, data follows the pointers that are there, for example after `git checkout`. With REV, pointers and data
    become what they were at that revision; HEAD does not move.

    Work that is saved nowhere is kept and named; everything else is brought up to date. The exit code is then 4.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        rev, paths = split_revision(repo, arguments, ctx.cwd)
        result = checkout(
            repo,
            paths,
            cwd=ctx.cwd,
            rev=rev,
            to=Path(to) if to else None,
            force=force,
            relink=relink,
            progress=ctx.progress,
        )
        if as_json:
            ctx.emit_json(result)
        else:
            print_restored(ctx, result.restored, shown=lambda path: _shown(ctx, repo, path, result.to), rev=rev)
            print_staged(ctx, repo)
        return exit_code_of(result.restored)


def _shown(ctx: Context, repo: Repository, path: bytes, to: Path | None) -> str:
    return terminal.printable(path) if to is not None else shown(repo, path)
