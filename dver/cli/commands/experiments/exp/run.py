"""`dver exp run`. With --queue and --sweep, the rest is in modules of their own, which other runs do not import."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import warn_about_backups, warn_about_left_out, warn_about_secrets
from dver.cli.render.experiments.text import finished_lines
from dver.cli.render.pipelines.repro_summary import summary_lines
from dver.cli.render.pipelines.running_stages import watch_stages
from dver.experiments.execution import FinishedExperiment
from dver.ops.exp.run import ExperimentOptions, run
from dver.pipelines.definition.sweep import SweepMethod, sweep_metric
from dver.pipelines.execution.output_backup import BackedUpOutput
from dver.pipelines.execution.repro import ReproOptions
from dver.repo import Repository


@options.command(
    examples=[
        ("dver exp run -S lr=0.1", "Change a parameter in params.yaml, run the stages, and keep the result."),
        ("dver exp run -n baseline -m 'before the cleanup'", "Choose the name, and describe the experiment."),
        ("dver exp run train", "Run train and its upstream stages only."),
        ("dver exp run --queue -S lr=0.1,0.01", "Queue an experiment for each value."),
        ("dver exp run --sweep rate --trials 50 -j 4", "Run a sweep of dver.yaml, or go on with it."),
    ]
)
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option(
    "-S", "--set-param", "params", multiple=True, metavar="[FILE:]KEY=VALUE", help="Change a parameter (repeatable)."
)
@click.option("-n", "--name", metavar="NAME", help="Name the experiment; by default two memorable words.")
@click.option("-m", "--message", default="", metavar="TEXT", help="Describe the experiment.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Run stages in parallel.")
@click.option("-f", "--force", is_flag=True, help="Also run stages that are up to date.")
@click.option("-s", "--single-item", is_flag=True, help="Run only the targets, without their upstream stages.")
@click.option("--downstream", is_flag=True, help="Run the targets and all their downstream stages.")
@click.option("-k", "--keep-going", is_flag=True, help="After a failure, run all stages that do not depend on it.")
@click.option("--pull", is_flag=True, help="Download missing data and cached runs from remotes.")
@click.option("--no-run-cache", is_flag=True, help="Neither use nor update the run cache.")
@click.option("--no-checks", is_flag=True, help="Record outputs without checking their data.")
@click.option("--temp", is_flag=True, help="Run in a working tree of its own. The workspace stays as it is.")
@click.option("--queue", "queued", is_flag=True, help="Queue the experiments: `dver queue start` runs them.")
@click.option("--sweep", metavar="NAME", help="Run the trials of a sweep of dver.yaml.")
@click.option("--trials", type=click.IntRange(min=1), metavar="N", help="With --sweep: until it has N trials.")
@click.option("--minimize", metavar="PATH:KEY", help="With --sweep: the metric to make small.")
@click.option("--maximize", metavar="PATH:KEY", help="With --sweep: the metric to make large.")
@click.option(
    "--method",
    type=click.Choice([one.value for one in SweepMethod]),
    help="With --sweep: how to choose the parameters of trials.",
)
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    targets: tuple[str, ...],
    params: tuple[str, ...],
    name: str | None,
    message: str,
    jobs: int,
    force: bool,
    single_item: bool,
    downstream: bool,
    keep_going: bool,
    pull: bool,
    no_run_cache: bool,
    no_checks: bool,
    temp: bool,
    queued: bool,
    sweep: str | None,
    trials: int | None,
    minimize: str | None,
    maximize: str | None,
    method: str | None,
    as_json: bool,
) -> int:
    """Run stages as `dver repro` does, and keep the result as an experiment.

    The experiment has the code, parameters and results. It is kept however the run ends, and outside of branches:
    `dver exp apply` brings it back.

    -S changes a parameter in params.yaml, or in another YAML, TOML, JSON or Python file; comments stay.
    Values are YAML. +KEY=VALUE adds a key, ++KEY=VALUE sets or adds it, and ~KEY deletes it. Several values, as in
    lr=0.1,0.01 or depth=range(3,9), make an experiment of each combination, and need --queue.

    With --sweep, each trial is an experiment in a working tree of its own, and -j is the number of trials that run in
    parallel. Trials that exist for this commit count: a sweep that was interrupted goes on.
    """
    choice = ReproOptions(
        targets, single_item, downstream, force, keep_going, not no_run_cache, pull, jobs, not no_checks
    )
    chosen = ExperimentOptions(name, message, params, choice)
    metric = sweep_metric(minimize, maximize)
    if sweep is None and (trials or metric or method):
        raise click.UsageError("--trials, --minimize, --maximize and --method need --sweep")
    if sweep is not None:
        if queued or temp or name is not None:
            raise click.UsageError("--sweep cannot be combined with --queue, --temp and --name")
        from dver.cli.commands.experiments.exp.run_sweep import SweepOptions, run_sweep

        wanted = SweepMethod(method) if method else None
        return run_sweep(ctx, SweepOptions(sweep, params, message, trials, wanted, metric, choice), as_json=as_json)
    if queued:
        from dver.cli.commands.experiments.exp.run_queued import run_queued

        return run_queued(ctx, chosen, as_json=as_json)
    with Repository.open(ctx.cwd) as repo:
        finished = _run(ctx, repo, chosen, temp=temp)
        _report(ctx, repo, finished, as_json=as_json)
    if finished.error is not None:
        raise finished.error
    return 0


def _run(ctx: Context, repo: Repository, chosen: ExperimentOptions, *, temp: bool) -> FinishedExperiment:
    backups: list[BackedUpOutput] = []
    keep = backups.append if not temp else lambda _: None
    try:
        with watch_stages(ctx, jobs=chosen.repro.jobs) as watcher:
            return run(repo, chosen, cwd=ctx.cwd, temp=temp, watcher=watcher, on_backup=keep, progress=ctx.progress)
    finally:
        warn_about_backups(ctx, repo, backups)


def _report(ctx: Context, repo: Repository, finished: FinishedExperiment, *, as_json: bool) -> None:
    result = finished.result
    if result is not None:
        warn_about_secrets(ctx, result.secrets)
        if not (as_json or ctx.quiet):
            for line in summary_lines(result, ctx.style):
                ctx.say(line)
    warn_about_left_out(ctx, repo, finished.left_out)
    if as_json:
        ctx.emit_json(finished.experiment)
        return
    for line in finished_lines(finished.experiment, ctx.style):
        ctx.say(line)
