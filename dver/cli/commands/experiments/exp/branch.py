"""`dver exp branch`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.terminal import printable
from dver.core.phrasing import quoted
from dver.ops.exp.branch import branch as make_branch
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver exp branch brave-otter", "Make the branch brave-otter at the experiment."),
        ("dver exp branch brave-otter smaller-steps", "Choose the name of the branch."),
    ],
)
@click.argument("name")
@click.argument("branch", required=False)
@options.json_option
@click.pass_obj
def command(ctx: Context, *, name: str, branch: str | None, as_json: bool) -> None:
    """Make a Git branch of an experiment.

    The branch starts at the experiment's baseline and has one more commit with all files of the experiment. The
    workspace stays as it is, and nothing is pushed.
    """
    with Repository.open(ctx.cwd) as repo:
        made = make_branch(repo, name, branch)
    if as_json:
        ctx.emit_json(made)
        return
    shown = printable(made.branch)
    ctx.say(f"branch {ctx.style.bold(shown)} at {made.commit[:10]}, the commit of {printable(made.name)}")
    ctx.note(f"`git switch {printable(quoted(made.branch))}` checks it out")
