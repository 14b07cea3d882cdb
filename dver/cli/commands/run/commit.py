"""`dver commit`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_secrets
from dver.cli.render import terminal
from dver.cli.render.reasons import reason_text
from dver.core.errors import ConflictError
from dver.core.phrasing import join_limited, quoted
from dver.ops.run.commit import CommitResult, commit
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.reasons import Reason
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver commit train", "What train makes is right as it is: the lock records it."),
        ("dver commit -f", "All stages, even if what they read has changed since they ran."),
    ],
)
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("-f", "--force", is_flag=True, help="Do not ask, even if what a stage reads has changed.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, targets: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Record current outputs in dver.lock without running stages.

    For outputs that were changed by hand, and for stages of which it is known that a change (a comment in the code, a
    renamed file) makes no difference: dver.lock then says what there is. Where more than outputs changed, it is asked
    for each stage. Without a terminal such stages are left as they are, and the exit code is 4.

    TARGET is a stage or an output; without any, all stages are meant.
    """

    def confirm(stage: Address, reasons: tuple[Reason, ...]) -> bool:
        return force or _asked(stage, reasons, named=bool(targets))

    with Repository.open(ctx.cwd) as repo:
        result = commit(repo, targets, cwd=ctx.cwd, confirm=confirm, force=force, progress=ctx.progress)
        warn_about_secrets(ctx, result.secrets)
        for problem in result.problems:
            ctx.warn_about(problem)
        if as_json:
            names = ("recorded", "refused", "missing")
            ctx.emit_json({name: [str(one) for one in getattr(result, name)] for name in names})
        else:
            _report(ctx, result)
            print_staged(ctx, repo)
    if result.refused and not _can_ask():
        raise _not_asked(result.refused)


def _report(ctx: Context, result: CommitResult) -> None:
    for one in result.recorded:
        ctx.say(f"recorded: {terminal.printable(str(one))}")
    for one in result.refused:
        ctx.note(f"skipped {terminal.printable(str(one))}: what it reads has changed, too")
    for one in result.missing:
        ctx.note(f"skipped {terminal.printable(str(one))}: not all of its outputs are there")
    if not (result.recorded or result.missing or result.refused):
        ctx.note("nothing to record: the lock says what there is")


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _not_asked(stages: Sequence[Address]) -> ConflictError:
    names = " ".join(quoted(str(one)) for one in stages)
    return ConflictError(
        f"not recorded: {join_limited([str(one) for one in stages])}",
        why="what they read has changed since they ran, and without a terminal dver cannot ask",
        fix=f"dver repro {names}, or `dver commit -f {names}` if it makes no difference",
    )


def _asked(stage: Address, reasons: tuple[Reason, ...], *, named: bool) -> bool:
    """Does the user want it? Where nobody can be asked, a stage that was not named is left as it is."""
    name = terminal.printable(str(stage))
    if not _can_ask():
        if not named:
            return False
        raise ConflictError(
            f"stage {name!r} has not run since: {reason_text(reasons[0])}",
            why="its outputs may be made of something else than what would be recorded",
            fix=f"dver repro {quoted(str(stage))}, or `dver commit -f {quoted(str(stage))}` if it makes no difference",
        )
    for reason in reasons:
        click.echo(f"  {reason_text(reason)}", err=True)
    return click.confirm(f"Record stage {name} as it is?", err=True)
