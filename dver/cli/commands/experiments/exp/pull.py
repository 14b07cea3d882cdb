"""`dver exp pull`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import warn_about_ignored_settings
from dver.cli.render.data.transfers import first_error
from dver.cli.render.experiments.fetched import print_fetched_experiments
from dver.experiments.sharing.request import parse_request
from dver.ops.exp.fetch import exp_fetch
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver exp pull", "Get all experiments, and the data of those of the current branch."),
        ("dver exp pull origin brave-otter", "Get all experiments, and the data of one."),
    ],
)
@click.argument("names", nargs=-1, metavar="[REMOTE] [NAME...]")
@click.option("--all", "everything", is_flag=True, help="Download the data of the experiments of all branches.")
@options.remote_option("Download data from remote NAME instead of the default remote.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), metavar="N", help="Run N transfers in parallel.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context, *, names: tuple[str, ...], everything: bool, remote: str | None, jobs: int | None, as_json: bool
) -> None:
    """Get experiments from a Git remote, with their data.

    REMOTE is a Git remote, by default the one that `git push` uses. The workspace stays as it is: the data goes into
    the store, and `dver exp apply` checks it out.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        request = parse_request(repo.git, names, everything=everything)
        result = exp_fetch(repo, request, data=True, remote=remote, jobs=jobs, progress=ctx.progress)
    print_fetched_experiments(ctx, result, as_json=as_json)
    if error := first_error(result.remotes):
        raise error
