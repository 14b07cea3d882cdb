"""`dver exp remove`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.experiments.text import names_text
from dver.cli.render.terminal import count
from dver.core.errors import UsageError
from dver.formats.experiment import ExperimentStatus
from dver.ops.exp.remove import exp_remove, exp_restore
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver exp remove brave-otter", "Remove one experiment."),
        ("dver exp remove --failed --stopped", "Remove all that failed or were stopped."),
        ("dver exp remove --restore brave-otter", "Bring a removed experiment back."),
    ],
)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--all", "everything", is_flag=True, help="Remove all experiments of this clone.")
@click.option("--queued", is_flag=True, help="Remove queued experiments of this clone.")
@click.option("--failed", is_flag=True, help="Remove failed experiments of this clone.")
@click.option("--stopped", is_flag=True, help="Remove stopped experiments of this clone.")
@click.option("--restore", is_flag=True, help="Restore removed experiments.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    names: tuple[str, ...],
    everything: bool,
    queued: bool,
    failed: bool,
    stopped: bool,
    restore: bool,
    as_json: bool,
) -> None:
    """Remove experiments, or restore removed ones.

    Removed experiments can be restored until `dver gc` drops those that were removed more than gc.grace ago (default:
    14 days). `dver exp list --removed` lists them. Experiments of other clones are only removed by name.
    """
    flags = {
        ExperimentStatus.QUEUED: queued,
        ExperimentStatus.FAILED: failed,
        ExperimentStatus.STOPPED: stopped,
    }
    statuses = [status for status, given in flags.items() if given]
    if restore and (statuses or everything or not names):
        raise UsageError(
            "--restore needs the names of experiments",
            why="it brings back those that are named",
            fix="`dver exp list --removed` lists removed experiments",
        )
    with Repository.open(ctx.cwd) as repo:
        if restore:
            changed = exp_restore(repo, names)
        else:
            changed = exp_remove(repo, names, statuses=statuses, everything=everything)
    if as_json:
        ctx.emit_json(changed)
    elif not changed:
        ctx.say("nothing to remove")
    else:
        verb = "restored" if restore else "removed"
        ctx.say(f"{verb} {count(len(changed), 'experiment')}: {names_text(changed)}")
