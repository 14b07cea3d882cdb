"""`dver exp undo`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.experiments.replaced import exit_code_of_step, explaining_interrupt, print_undo, saved_row
from dver.ops.exp.undo import drop, list_saved, undo
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver exp undo", "Bring the workspace of before the last apply back."),
        ("dver exp undo --redo", "Undo the last undo."),
        ("dver exp undo --list", "List the saved workspaces."),
        ("dver exp undo 3", "Bring a certain one back."),
    ],
)
@click.argument("number", type=click.IntRange(min=1), required=False)
@click.option("--redo", is_flag=True, help="Undo the last undo.")
@click.option("--list", "as_list", is_flag=True, help="List the saved workspaces.")
@click.option(
    "--drop", "drop_number", type=click.IntRange(min=1), metavar="NUMBER", help="Delete a saved workspace for good."
)
@click.option("-f", "--force", is_flag=True, help="Bring it back although HEAD has moved.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context, *, number: int | None, redo: bool, as_list: bool, drop_number: int | None, force: bool, as_json: bool
) -> int:
    """Bring the workspace of before an apply back.

    All files, data and Git's index are as they were, byte for byte. The present workspace is saved first, so that
    nothing is lost. Each further undo goes back by one more apply. NUMBER is that of a saved workspace.
    """
    with Repository.open(ctx.cwd) as repo:
        if drop_number is not None:
            drop(repo, drop_number)
            ctx.say(f"deleted the saved workspace {drop_number}")
            return 0
        if as_list:
            found = list_saved(repo)
            if as_json:
                ctx.emit_json(found)
            else:
                ctx.table(saved_row(one, ctx.style) for one in found)
                if not found:
                    ctx.note("there are no saved workspaces: `dver exp apply` makes one")
            return 0
        with explaining_interrupt(ctx, repo):
            result = undo(repo, number, redo=redo, force=force, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
        else:
            print_undo(ctx, repo, result, redo=redo)
        return exit_code_of_step(result.kept, result.data)
