"""`dver exp apply`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.experiments.replaced import exit_code_of_step, explaining_interrupt, print_apply
from dver.ops.exp.apply import apply
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver exp apply brave-otter", "Make the workspace this experiment; `dver exp undo` goes back."),
        ("dver exp apply --keep-untracked brave-otter", "Leave files alone that Git does not track."),
    ],
)
@click.argument("name")
@click.option("--keep-untracked", is_flag=True, help="Keep untracked files that the experiment does not have.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, name: str, keep_untracked: bool, as_json: bool) -> int:
    """Make the workspace an experiment.

    Git's files and the data become those of the experiment, and its files are staged: `git commit` keeps it. HEAD does
    not move. The workspace of before is saved first, with unsaved changes, staged changes and untracked files, and
    `dver exp undo` brings it back.
    """
    with Repository.open(ctx.cwd) as repo:
        with explaining_interrupt(ctx, repo):
            result = apply(repo, name, keep_untracked=keep_untracked, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
        else:
            print_apply(ctx, repo, result)
        return exit_code_of_step(result.kept, result.data)
