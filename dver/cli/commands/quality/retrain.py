"""`dver retrain`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.registry_options import push_option, push_remote
from dver.cli.render.pipelines.running_stages import watch_stages
from dver.cli.render.quality.retraining import print_retraining, step_text
from dver.repo import Repository
from dver.retraining.record import RetrainingRecord
from dver.retraining.result import RetrainingOptions, RetrainingOutcome, RetrainingStep
from dver.retraining.run import retrain

_REJECTED = 1
"""The exit code for a version that the rule does not promote."""


@options.command(
    examples=[
        ("dver retrain churn", "Train churn on new data, and promote it if the rule allows it."),
        ("dver retrain churn --if-alert", "Only if the monitor has an alarm that no version has followed."),
        ("dver retrain churn --if-alert --pr", "The same in CI, and let people decide in a pull request."),
        ("dver retrain churn --push", "Push the version, its data and the promotion."),
        ("dver retrain churn --restart", "Forget an unfinished retraining, and begin again."),
    ],
)
@click.argument("name", required=False)
@click.option("--if-alert", is_flag=True, help="Only after an alarm of the monitor.")
@click.option("--pr", is_flag=True, help="Open a pull request instead of promoting (in CI).")
@click.option("-f", "--force", is_flag=True, help="Train also without new data.")
@click.option("--restart", is_flag=True, help="Begin again instead of continuing an unfinished retraining.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Run stages in parallel.")
@click.option("--pull", is_flag=True, help="Download missing data and cached runs from remotes.")
@push_option
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    name: str | None,
    if_alert: bool,
    pr: bool,
    force: bool,
    restart: bool,
    jobs: int,
    pull: bool,
    push: str | None,
    as_json: bool,
) -> int:
    """Train a model on new data, and promote it by a rule.

    NAME is an entry of `retrain:` in dver.yaml, which names the data, the monitor, the stage and the rule. The new data
    becomes a version, the pipeline runs as an experiment, the model is registered, and the rule compares it with the
    version in the stage. The workspace gets the new pointers; `dver exp apply` brings the rest.

    After an error or Ctrl-C, the same command continues: finished steps are not done again. Exits with 1 if the rule
    does not promote the new version.
    """
    chosen = RetrainingOptions(if_alert, pr, force, restart, jobs, pull, push is not None, push_remote(push))

    def say_step(step: RetrainingStep, record: RetrainingRecord) -> None:
        text = step_text(step, record)
        if text and not (as_json or ctx.quiet):
            ctx.say(text)

    with Repository.open(ctx.cwd) as repo:
        with watch_stages(ctx, jobs=jobs) as watcher:
            result = retrain(repo, name, chosen, watcher=watcher, on_step=say_step, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
        else:
            print_retraining(ctx, result)
    return _REJECTED if result.outcome is RetrainingOutcome.REJECTED else 0
