"""`dver exp push`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import warn_about_ignored_settings
from dver.cli.render.data.transfers import upload_text
from dver.cli.render.experiments.text import names_text
from dver.cli.render.terminal import count, printable
from dver.experiments.sharing.request import parse_request
from dver.ops.exp.push import ExpPushResult, exp_push
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver exp push", "Publish the experiments of the current branch on the default Git remote."),
        ("dver exp push origin brave-otter", "Publish one experiment on origin."),
        ("dver exp push --all", "Publish the experiments of all branches."),
    ],
)
@click.argument("names", nargs=-1, metavar="[REMOTE] [NAME...]")
@click.option("--all", "everything", is_flag=True, help="Push the experiments of all branches.")
@options.remote_option("Upload data to remote NAME instead of the default remote.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), metavar="N", help="Run N transfers in parallel.")
@click.option("--dry-run", is_flag=True, help="Show what would be pushed without pushing it.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    names: tuple[str, ...],
    everything: bool,
    remote: str | None,
    jobs: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publish experiments on a Git remote.

    REMOTE is a Git remote, by default the one that `git push` uses. Data and run cache entries are uploaded first, to
    the remote of dver. Only finished experiments of this clone are pushed; names select others. Renamed and removed
    experiments are renamed and removed for others, too.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        request = parse_request(repo.git, names, everything=everything)
        result = exp_push(repo, request, remote=remote, jobs=jobs, dry_run=dry_run, progress=ctx.progress)
    if as_json:
        ctx.emit_json(result)
    else:
        _print(ctx, result)


def _print(ctx: Context, result: ExpPushResult) -> None:
    remote, did = printable(result.git_remote), "would push" if result.dry_run else "pushed"
    for one in result.remotes:
        if one.size:
            ctx.say(upload_text(one, dry_run=False))
    shared = [one for one in result.experiments if not one.removed]
    removed = [one for one in result.experiments if one.removed]
    if shared:
        ctx.say(f"{did} {count(len(shared), 'experiment')} to {remote}: {names_text(shared)}")
    if removed:
        ctx.say(f"{did} the removal of {count(len(removed), 'experiment')} to {remote}: {names_text(removed)}")
    if result.dropped:
        verb = "would drop" if result.dry_run else "dropped"
        ctx.say(f"{verb} {count(result.dropped, 'experiment')} from {remote} that gc has dropped here")
    if not (result.experiments or result.dropped):
        ctx.say(f"{remote} is up to date")
    if result.unfinished:
        ctx.note(f"not pushed, because unfinished: {names_text(result.unfinished)}")
    if result.other:
        ctx.note(f"not pushed, because not selected: {names_text(result.other)}; `dver exp push --all` pushes all")
    for path in result.unreadable:
        ctx.warn(f"did not upload the data of {printable(path)}, which is unreadable in an experiment")
