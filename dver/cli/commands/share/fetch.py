"""`dver fetch`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import warn_about_ignored_settings
from dver.cli.render.data.transfers import downloads_json, first_error, print_fetched
from dver.ops.share.fetch import fetch
from dver.repo import Repository
from dver.sharing.transfer_options import TransferOptions


@options.command(
    acts=True,
    examples=[
        ("dver fetch", "Download the data of the current pointers."),
        ("dver fetch --rev v1 data/", "Download data/ as it was at v1."),
        ("dver fetch --all-branches --all-tags", "Download the data of all branches and tags."),
        ("dver fetch --profiles data/", "Download the profile of data/, and not the data."),
    ],
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@options.transfer_options
@click.option("--profiles", is_flag=True, help="Download only profiles and other results about the data.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, paths: tuple[str, ...], transfer: TransferOptions, profiles: bool, as_json: bool) -> None:
    """Download data into the store without checking it out.

    A PATH may be a file or directory inside a tracked directory: then only that is downloaded. Every download is
    verified with the hashes in Git.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        result = fetch(repo, paths, cwd=ctx.cwd, options=transfer, profiles=profiles, progress=ctx.progress)
    if as_json:
        ctx.emit_json({"remotes": downloads_json(result.remotes, dry_run=transfer.dry_run), "dry_run": result.dry_run})
    else:
        print_fetched(ctx, result.remotes, dry_run=transfer.dry_run, profiles=profiles)
        if not result.remotes:
            ctx.say("everything is in the store")
    if error := first_error(result.remotes):
        raise error
