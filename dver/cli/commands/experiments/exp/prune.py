"""`dver exp prune`."""

from __future__ import annotations

import time

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.terminal import count, printable
from dver.experiments.sharing.prune_plan import PruneRule
from dver.ops.exp.prune import exp_prune
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver exp prune --keep-best 10 --metric accuracy", "Keep the ten experiments with the highest accuracy."),
        ("dver exp prune --keep-best 10 --metric loss --lowest", "Keep the ten experiments with the lowest loss."),
        ("dver exp prune --older-than 30d --dry-run", "Show which experiments are older than 30 days."),
    ],
)
@click.option("--keep-best", type=click.IntRange(min=1), metavar="N", help="Keep the N best experiments.")
@click.option("--metric", metavar="KEY", help="The metric that tells the best: KEY or FILE:KEY.")
@click.option("--lowest", is_flag=True, help="A low value of the metric is better.")
@click.option("--older-than", metavar="TIME", help="Remove only experiments that are older: 12h, 30d, 8w.")
@click.option("--baseline", metavar="REV", help="Consider only experiments on top of commit REV.")
@click.option("-A", "--all-branches", is_flag=True, help="Consider the experiments of all branches.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed without removing it.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    keep_best: int | None,
    metric: str | None,
    lowest: bool,
    older_than: str | None,
    baseline: str | None,
    all_branches: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove all but the best experiments, or old ones.

    Considers the finished experiments of this clone on the current branch. Those without the metric, such as failed
    ones, are not among the best. `dver exp remove --restore` brings removed experiments back.
    """
    before = None if older_than is None else time.time() - options.seconds_of("--older-than", older_than)
    rule = PruneRule(keep_best, metric, lowest, before)
    with Repository.open(ctx.cwd) as repo:
        result = exp_prune(repo, rule, baseline=baseline, all_branches=all_branches, dry_run=dry_run)
    if as_json:
        ctx.emit_json(result)
        return
    did = "would remove" if dry_run else "removed"
    ctx.say(f"{did} {count(len(result.removed), 'experiment')}, kept {result.kept:,}")
    ctx.listing([f"  {printable(one.name)}" for one in result.removed])
