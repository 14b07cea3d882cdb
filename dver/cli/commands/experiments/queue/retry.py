"""`dver queue retry`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.experiments.queue import names_line
from dver.formats.experiment import ExperimentStatus
from dver.ops.queue.retry import retry
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver queue retry brave-otter", "Run one experiment again."),
        ("dver queue retry --failed", "Run all again that failed."),
    ],
)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--failed", is_flag=True, help="Queue all that failed.")
@click.option("--stopped", is_flag=True, help="Queue all that were stopped.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, names: tuple[str, ...], failed: bool, stopped: bool, as_json: bool) -> None:
    """Queue experiments again that failed or were stopped.

    They start from the same code and parameters as before.
    """
    chosen = {ExperimentStatus.FAILED: failed, ExperimentStatus.STOPPED: stopped}
    with Repository.open(ctx.cwd) as repo:
        queued = retry(repo, names, [one for one, is_chosen in chosen.items() if is_chosen])
    if as_json:
        ctx.emit_json(queued)
    else:
        ctx.say(names_line("queued", queued))
        if queued:
            ctx.note("`dver queue start` runs them")
