"""`dver checkout`: check out data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_ignored_settings
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.cli.render.data.checkout import exit_code_of, print_restored
from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.ops.track.checkout import checkout
from dver.repo import Repository
from dver.tracking.targets import split_revision


@options.command(
    acts=True,
    examples=[
        ("dver checkout", "Check out the data of the current pointers, as after `git checkout v1`."),
        ("dver checkout v1 data/", "Restore data/ and its pointer from v1."),
        ("dver checkout --relink", "Link existing files again after a change of cache.link."),
        ("dver checkout v1 data/ --to /tmp/old", "Write that version to /tmp/old/data."),
    ],
)
@click.argument("arguments", nargs=-1, metavar="[REV] [PATH...]")
@click.option("-f", "--force", is_flag=True, help="Overwrite and delete even unsaved files.")
@click.option("--relink", is_flag=True, help="Link existing large files again according to cache.link.")
@click.option("--to", metavar="DIR", help="Write to DIR instead of the workspace.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context, *, arguments: tuple[str, ...], force: bool, relink: bool, to: str | None, as_json: bool
) -> int:
    """Check out data for the current pointers or a revision.

    Without REV, checks out the data of the current pointers, for example after `git checkout`. With REV, restores
    pointers and data from that revision; HEAD does not move. A single argument may be @REV:PATH.

    Keeps and lists files with unsaved changes, updates all others, and then exits with 4.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        rev, paths = _revision_and_paths(repo, arguments, ctx.cwd)
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
    return terminal.printable(path) if to is not None else path_text(repo, path)


def _revision_and_paths(repo: Repository, arguments: Sequence[str], cwd: Path) -> tuple[str | None, Sequence[str]]:
    address = options.data_address(arguments, None)
    if address is None:
        return split_revision(repo, arguments, cwd)
    if address.repo is not None:
        raise UsageError(
            f"{arguments[0]!r} is in another repository",
            why="checkout writes data of this project",
            fix=f"dver get {quoted(arguments[0])}",
        )
    return address.rev, [address.path] if address.path else []
