"""`dver check available`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.ops.quality.check_available import MissingPath, check_available
from dver.repo import Repository
from dver.tracking.revision_scope import CURRENT, RevisionScope


@options.command(
    examples=[
        ("dver check available --remote", "Check that all data of HEAD was pushed, for example in CI."),
        ("dver check available --remote --rev v1", "Check that all data of v1 was pushed."),
        ("dver check available -r backup data/", "Check that data/ is on the remote backup."),
        ("dver check available", "Check that all data of HEAD is in the store."),
    ]
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@options.remote_choice_option("Check the remote NAME, or the default remote, instead of the store.")
@options.scope_options
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    paths: tuple[str, ...],
    remote: options.RemoteChoice | None,
    scope: RevisionScope,
    as_json: bool,
) -> int:
    """Check that all data of a commit is available.

    Checks HEAD by default. Exits with 1 if data is missing.
    """
    if scope == CURRENT:
        scope = RevisionScope("HEAD")
    with Repository.open(ctx.cwd) as repo:
        name = None if remote is None else remote.checked(repo)
        result = check_available(repo, paths, cwd=ctx.cwd, scope=scope, on_remote=remote is not None, remote=name)
    if as_json:
        ctx.emit_json(result)
    elif result.absent:
        ctx.listing([_missing_text(one) for one in result.absent])
        ctx.note("`dver push` uploads data from the store, `dver fetch` downloads it from the remote")
    else:
        where = f" on {' and '.join(result.remotes)}" if result.remotes else ""
        ctx.say(f"complete{where}: {terminal.count(result.checked, 'pointer')}")
    return 1 if result.absent else 0


def _missing_text(one: MissingPath) -> str:
    where = "in the store" if one.where == "store" else f"on {one.where}"
    return f"missing {terminal.printable(one.path)}  (not {where})"
