"""`dver exp fetch`."""

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
        ("dver exp fetch", "Get the experiments of the default Git remote, without their data."),
        ("dver exp fetch origin brave-otter", "Also download the data of one experiment."),
        ("dver exp fetch --prune", "Forget journals that were deleted on the Git remote."),
    ],
)
@click.argument("names", nargs=-1, metavar="[REMOTE] [NAME...]")
@click.option("--all", "everything", is_flag=True, help="Also download the data of all experiments.")
@click.option("-p", "--prune", is_flag=True, help="Forget journals that the Git remote no longer has.")
@options.remote_option("Download data from remote NAME instead of the default remote.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), metavar="N", help="Run N transfers in parallel.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    names: tuple[str, ...],
    everything: bool,
    prune: bool,
    remote: str | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Get experiments from a Git remote, without their data.

    REMOTE is a Git remote, by default the one that `git push` uses. All its experiments are fetched: their records and
    commits. Data is downloaded into the store only for the named experiments, or for all with --all.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        request = parse_request(repo.git, names, everything=everything)
        data = bool(request.names) or everything
        result = exp_fetch(repo, request, data=data, prune=prune, remote=remote, jobs=jobs, progress=ctx.progress)
    print_fetched_experiments(ctx, result, as_json=as_json)
    if error := first_error(result.remotes):
        raise error
