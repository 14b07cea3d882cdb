"""`dver model doctor`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.findings import print_diagnosis
from dver.ops.model.doctor import model_doctor
from dver.repo import Repository


@options.command(
    examples=[
        ("dver model doctor", "Check the tags, and the data of the versions in use."),
        ("dver model doctor --all", "Check the data of all versions."),
        ("dver model doctor --offline", "Ask no remote."),
    ]
)
@click.option("-a", "--all", "everything", is_flag=True, help="Check the data of all versions.")
@click.option("--offline", is_flag=True, help="Do not contact the Git remote and the remotes of data.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, everything: bool, offline: bool, as_json: bool) -> int:
    """Check the registry for conflicting and dangling tags.

    Checks tags, versions and stages, compares the tags with those of the Git remote, and checks that the data of the
    latest versions and of those in stages is in the store or on a remote. Changes nothing. Exits with 1 if there is a
    problem.
    """
    with Repository.open(ctx.cwd) as repo:
        diagnosis = model_doctor(repo, everything=everything, offline=offline, progress=ctx.progress)
    return print_diagnosis(ctx, diagnosis, as_json=as_json)
