"""`dver queue remove`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.experiments.queue import names_line
from dver.formats.experiment import ExperimentStatus
from dver.ops.queue.remove import remove
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver queue remove brave-otter", "Remove one experiment from the queue."),
        ("dver queue remove --queued", "Remove all that did not start."),
        ("dver queue remove --all", "Remove all but those that run or succeeded."),
    ],
)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--queued", is_flag=True, help="Remove all that did not start.")
@click.option("--failed", is_flag=True, help="Remove all that failed.")
@click.option("--stopped", is_flag=True, help="Remove all that were stopped.")
@click.option("--all", "everything", is_flag=True, help="Remove all of these.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    names: tuple[str, ...],
    queued: bool,
    failed: bool,
    stopped: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Remove experiments from the queue that do not run.

    Those that succeeded are not in the queue any more: see `dver exp remove`.
    """
    chosen = {
        ExperimentStatus.QUEUED: queued,
        ExperimentStatus.FAILED: failed,
        ExperimentStatus.STOPPED: stopped,
    }
    statuses = [one for one, is_chosen in chosen.items() if is_chosen or everything]
    with Repository.open(ctx.cwd) as repo:
        removed = remove(repo, names, statuses)
    if as_json:
        ctx.emit_json(removed)
    else:
        ctx.say(names_line("removed", removed))
