"""`dver check`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.ops.share.check import Absent, check
from dver.repo import Repository
from dver.tracking.revision_scope import Scope


@options.command(
    examples=[
        ("dver check --remote", "Has everything that HEAD needs been pushed? For CI."),
        ("dver check --remote --rev v1", "The same for v1."),
        ("dver check -r backup data/", "Is all of data/ on the remote backup?"),
        ("dver check", "Is everything that HEAD needs in the store?"),
    ]
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@options.remote_choice_option("Look on the remote NAME, or on the default one, instead of in the store.")
@options.scope_options
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    paths: tuple[str, ...],
    remote: options.RemoteChoice | None,
    rev: str | None,
    all_branches: bool,
    all_tags: bool,
    all_commits: bool,
    as_json: bool,
) -> int:
    """Check that all data of a commit is available.

    The commit is HEAD, unless the options say otherwise. The exit code is 1 if anything is missing.
    """
    many = all_branches or all_tags or all_commits
    scope = Scope(rev if rev or many else "HEAD", all_branches, all_tags, all_commits)
    with Repository.open(ctx.cwd) as repo:
        name = None if remote is None else remote.checked(repo)
        result = check(repo, paths, cwd=ctx.cwd, scope=scope, on_remote=remote is not None, remote=name)
    if as_json:
        ctx.emit_json(result)
    elif result.absent:
        ctx.listing([_missing(one) for one in result.absent])
        ctx.note("`dver push` uploads what is in the store, `dver fetch` downloads what is on the remote")
    else:
        where = f" on {' and '.join(result.remotes)}" if result.remotes else ""
        ctx.say(f"complete{where}: {terminal.count(result.checked, 'pointer')}")
    return 1 if result.absent else 0


def _missing(one: Absent) -> str:
    where = "in the store" if one.where == "store" else f"on {one.where}"
    return f"missing {terminal.printable(one.path)}  (not {where})"
