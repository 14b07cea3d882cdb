"""`dver verify`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.running_stages import watch_stages
from dver.ops.run.verify import VerifiedOutput, verify
from dver.repo import Repository


@options.command(
    examples=[
        ("dver verify train", "Does train, run again, make the same model?"),
        ("dver verify evaluate --json", "The same for a program; exit code 1 if it does not."),
    ]
)
@click.argument("stage")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, stage: str, as_json: bool) -> int:
    """Re-run a stage in a clean worktree and compare its outputs.

    STAGE of HEAD is run in a worktree of its own, on the versions of data and code that dver.lock names. Its outputs
    have to be identical, byte by byte; metrics may differ by the `tolerance` of the stage, and other outputs if it says
    `deterministic: false`. The workspace is left as it is. Exit code 1 if something differs that must not.
    """
    with Repository.open(ctx.cwd) as repo, watch_stages(ctx, jobs=1) as watcher:
        result = verify(repo, stage, cwd=ctx.cwd, watcher=watcher, progress=ctx.progress)
    if as_json:
        ctx.emit_json(result)
    else:
        for one in result.outputs:
            _print_result(ctx, one)
        ctx.note("it is reproduced" if result.is_reproduced else "it is not reproduced")
    return 0 if result.is_reproduced else 1


def _print_result(ctx: Context, one: VerifiedOutput) -> None:
    ctx.say(f"{terminal.printable(one.path)}: {one.outcome.value}")
    for difference in one.differences:
        ctx.say(
            f"  {terminal.printable(difference.key)}: {terminal.printable(str(difference.old))} -> "
            f"{terminal.printable(str(difference.new))} (tolerance {difference.tolerance:g})"
        )
