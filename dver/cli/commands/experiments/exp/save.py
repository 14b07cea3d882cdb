"""`dver exp save`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import warn_about_left_out
from dver.cli.render.experiments.text import finished_lines
from dver.ops.exp.save import save
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver exp save", "Keep the workspace as an experiment."),
        ("dver exp save -n before-cleanup", "Choose the name."),
    ],
)
@click.option("-n", "--name", metavar="NAME", help="Name the experiment; by default two memorable words.")
@click.option("-m", "--message", default="", metavar="TEXT", help="Describe the experiment.")
@click.option("-f", "--force", is_flag=True, help="Replace an experiment of this name.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, name: str | None, message: str, force: bool, as_json: bool) -> None:
    """Keep the workspace as an experiment, without a run.

    The experiment has all changes and untracked files that Git does not ignore. Edited data and outputs are stored. The
    workspace stays as it is.
    """
    with Repository.open(ctx.cwd) as repo:
        saved = save(repo, name=name, message=message, force=force, progress=ctx.progress)
        warn_about_left_out(ctx, repo, saved.left_out)
    if as_json:
        ctx.emit_json(saved.experiment)
        return
    for line in finished_lines(saved.experiment, ctx.style):
        ctx.say(line)
