"""`dver verify`: re-run a stage and compare its outputs."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.pipelines.running_stages import watch_stages
from dver.ops.run.verify import VerifiedOutput, verify
from dver.repo import Repository


@options.command(
    examples=[
        ("dver verify train", "Check that train is reproducible."),
        ("dver verify evaluate --json", "Print the comparison as JSON."),
    ]
)
@click.argument("stage")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, stage: str, as_json: bool) -> int:
    """Re-run a stage in a clean worktree and compare its outputs.

    Runs STAGE of HEAD in a worktree of its own, with the versions of data and code in dver.lock. Outputs must be
    identical, byte for byte. Metrics may differ by the `tolerance` of the stage, and other outputs with
    `deterministic: false`. The workspace does not change. Exits with 1 if outputs differ.
    """
    with Repository.open(ctx.cwd) as repo, watch_stages(ctx, jobs=1) as watcher:
        result = verify(repo, stage, cwd=ctx.cwd, watcher=watcher, progress=ctx.progress)
    if as_json:
        ctx.emit_json(result)
    else:
        for one in result.outputs:
            _print_result(ctx, one)
        ctx.note("reproduced" if result.is_reproduced else "not reproduced")
    return 0 if result.is_reproduced else 1


def _print_result(ctx: Context, one: VerifiedOutput) -> None:
    ctx.say(f"{terminal.printable(one.path)}: {one.outcome.value}")
    for difference in one.differences:
        ctx.say(
            f"  {terminal.printable(difference.key)}: {terminal.printable(str(difference.old))} -> "
            f"{terminal.printable(str(difference.new))} (tolerance {difference.tolerance:g})"
        )
