"""`dver exp import-mlflow`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.terminal import printable
from dver.core.phrasing import count
from dver.ops.exp.import_mlflow import import_mlflow
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver exp import-mlflow mlruns", "Make experiments of the runs in a file store."),
        ("dver exp show", "Compare them."),
    ],
)
@click.argument("directory", metavar="DIR")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, directory: str, as_json: bool) -> int:
    """Make experiments of the runs in a file store of MLflow.

    DIR is the directory `mlruns`. Each run that has ended becomes an experiment on top of the commit that it ran at, or
    of HEAD if this repository does not have that commit. Parameters, tags, metrics and their steps are copied;
    artifacts stay where they are. Runs that were imported before are skipped, and so are deleted ones.
    """
    with Repository.open(ctx.cwd) as repo:
        found = import_mlflow(repo, ctx.cwd / directory, progress=ctx.progress)
    for run in found.damaged:
        ctx.warn(
            printable(f"skipped run {run.id}: {run.error.what}" + (f" ({run.error.why})" if run.error.why else ""))
        )
    if as_json:
        ctx.emit_json(found)
    else:
        ctx.say(f"imported {count(len(found.imported), 'run')} of MLflow")
        others = [(found.known, "imported before"), (found.unfinished, "unfinished"), (found.deleted, "deleted")]
        if skipped := ", ".join(f"{number:,} {what}" for number, what in others if number):
            ctx.note(f"skipped: {skipped}")
    return 0 if found.error is None else found.error.exit_code
