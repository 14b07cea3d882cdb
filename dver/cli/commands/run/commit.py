"""`dver commit`: record current outputs without running stages."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_secrets
from dver.cli.render import terminal
from dver.cli.render.quality.failed_checks import warn_about_checks
from dver.core.errors import ConflictError
from dver.core.phrasing import join_limited, quoted
from dver.ops.run.commit import CommitResult, commit
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.reason_text import reason_text
from dver.pipelines.engine.reasons import Reason
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver commit train", "Record the current outputs of train."),
        ("dver commit -f", "Record all stages, even if their dependencies changed."),
    ],
)
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("-f", "--force", is_flag=True, help="Do not ask, even if dependencies changed.")
@click.option("--no-checks", is_flag=True, help="Record outputs without checking their data.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, targets: tuple[str, ...], force: bool, no_checks: bool, as_json: bool) -> None:
    """Record current outputs in dver.lock without running stages.

    Use it for outputs that you changed by hand, and after changes that make no difference, such as a comment in the
    code. If more than outputs changed, dver asks for each stage. Without a terminal, it skips such stages and exits
    with 4.

    TARGET is a stage or an output; the default is all stages.
    """

    def confirm(stage: Address, reasons: tuple[Reason, ...]) -> bool:
        return force or _asked(stage, reasons, named=bool(targets))

    with Repository.open(ctx.cwd) as repo:
        result = commit(
            repo, targets, cwd=ctx.cwd, confirm=confirm, force=force, checks=not no_checks, progress=ctx.progress
        )
        warn_about_checks(ctx, result.checked)
        warn_about_secrets(ctx, result.secrets)
        for problem in result.problems:
            ctx.warn_about(problem)
        if as_json:
            names = ("recorded", "refused", "missing")
            ctx.emit_json({name: [str(one) for one in getattr(result, name)] for name in names})
        else:
            _report(ctx, result)
            print_staged(ctx, repo)
    if result.refused and not terminal.is_terminal(sys.stdin):
        raise _not_asked(result.refused)


def _report(ctx: Context, result: CommitResult) -> None:
    for one in result.recorded:
        ctx.say(f"recorded: {terminal.printable(str(one))}")
    for one in result.refused:
        ctx.note(f"skipped {terminal.printable(str(one))}: its dependencies changed (-f records it)")
    for one in result.missing:
        ctx.note(f"skipped {terminal.printable(str(one))}: some outputs are missing")
    if not (result.recorded or result.missing or result.refused):
        ctx.note("nothing to record: dver.lock is up to date")


def _not_asked(stages: Sequence[Address]) -> ConflictError:
    names = " ".join(quoted(str(one)) for one in stages)
    return ConflictError(
        f"not recorded: {join_limited([str(one) for one in stages])}",
        why="their dependencies changed after the last run, and dver cannot ask without a terminal",
        fix=f"dver repro {names}, or `dver commit -f {names}` if it makes no difference",
    )


def _asked(stage: Address, reasons: tuple[Reason, ...], *, named: bool) -> bool:
    """Ask whether to record the stage. Without a terminal, stages that were not named are skipped."""
    name = terminal.printable(str(stage))
    if not terminal.is_terminal(sys.stdin):
        if not named:
            return False
        raise ConflictError(
            f"stage {name!r} has not run since: {reason_text(reasons[0])}",
            why="its outputs may come from other inputs than those that would be recorded",
            fix=f"dver repro {quoted(str(stage))}, or `dver commit -f {quoted(str(stage))}` if it makes no difference",
        )
    for reason in reasons:
        click.echo(f"  {reason_text(reason)}", err=True)
    return click.confirm(f"Record stage {name} as it is?", err=True)
