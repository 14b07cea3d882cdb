"""`dver push`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import warn_about_ignored_settings
from dver.cli.render import terminal
from dver.cli.render.data.transfers import entries_text, profiles_text, upload_text, warn_about_damaged_histories
from dver.ops.share.push import push
from dver.remote.transfer.push import UploadResult
from dver.repo import Repository
from dver.sharing.transfer_options import TransferOptions


@options.command(
    acts=True,
    examples=[
        ("dver push", "Upload the data of the current pointers."),
        ("dver push --all-commits", "Upload the data of the whole history."),
        ("dver push -r backup data/", "Upload data/ to the remote backup."),
    ],
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@options.transfer_options
@options.json_option
@click.pass_obj
def command(ctx: Context, *, paths: tuple[str, ...], transfer: TransferOptions, as_json: bool) -> None:
    """Upload data to a remote.

    Small files are uploaded together in packs. Data that the remote already has is not uploaded again. After an
    interruption, the next push uploads the rest.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        result = push(repo, paths, cwd=ctx.cwd, options=transfer, progress=ctx.progress)
    if as_json:
        ctx.emit_json(result)
        return
    warn_about_damaged_histories(ctx, result.damaged_histories)
    for one in result.remotes:
        _warn_about_lost_packs(ctx, one, dry_run=transfer.dry_run)
        ctx.say(upload_text(one, dry_run=transfer.dry_run))
    if result.runs:
        ctx.say(f"{'would push' if transfer.dry_run else 'pushed'} {entries_text(result.runs)}")
    if result.profiles:
        ctx.say(f"{'would push' if transfer.dry_run else 'pushed'} {profiles_text(result.profiles)}")
    if not result.remotes:
        ctx.say("nothing to push: no data is tracked")


def _warn_about_lost_packs(ctx: Context, one: UploadResult, *, dry_run: bool) -> None:
    if one.lost_packs:
        packs = terminal.count(one.lost_packs, "pack")
        done = "would upload" if dry_run else "uploaded"
        ctx.warn(f"{packs} missing on {one.remote}: {done} again the objects that this clone has")
    if one.taken_off:
        ctx.warn("other objects are not in this clone: run `dver push --all-commits` in a clone that has them")
