"""`dver pull`."""

from __future__ import annotations

from functools import partial

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import warn_about_ignored_settings
from dver.cli.render.data.changes import path_text
from dver.cli.render.data.checkout import exit_code_of, print_restored
from dver.cli.render.data.transfers import downloads_json, first_error, print_fetched
from dver.ops.share.pull import pull
from dver.repo import Repository
from dver.sharing.transfer_options import TransferOptions


@options.command(
    acts=True,
    examples=[
        ("dver pull", "Download and check out the data of the current pointers."),
        ("dver pull data/images/0001.png", "Download and check out one file."),
        ("dver pull -j 16", "Run 16 transfers at once."),
    ],
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@options.transfer_options
@click.option("-f", "--force", is_flag=True, help="Overwrite and delete even unsaved files.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, paths: tuple[str, ...], transfer: TransferOptions, force: bool, as_json: bool) -> int:
    """Download data and check it out.

    With --rev, checks out the pointers and the data of that revision. Keeps and lists files with unsaved changes, lists
    data that the remote does not have, and updates all others.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        result = pull(repo, paths, cwd=ctx.cwd, options=transfer, force=force, progress=ctx.progress)
        if as_json:
            ctx.emit_json(
                {"remotes": downloads_json(result.remotes, dry_run=transfer.dry_run), "restored": result.restored}
            )
        else:
            print_fetched(ctx, result.remotes, dry_run=transfer.dry_run)
            if result.restored is not None:
                print_restored(
                    ctx, result.restored, shown=partial(path_text, repo), rev=transfer.scope.rev, pulled=True
                )
    if error := first_error(result.remotes):
        raise error
    return exit_code_of(result.restored) if result.restored is not None else 0
