"""`dver add`: track data, and record changes of tracked data."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_ignored_settings
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.cli.render.quality.failed_checks import warn_about_checks, warning_about_checks
from dver.core.phrasing import human_size, quoted
from dver.ops.track.add import AddResult, add
from dver.repo import Repository
from dver.workspace.add import AddedPointer


@options.command(
    acts=True,
    examples=[
        ("dver add data/ models/net.bin", "Track a directory and a file."),
        ("dver add -u", "Record all changes of tracked data."),
        ("dver add data/new.png", "Record one file of a tracked directory."),
    ],
)
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("-u", "--update", is_flag=True, help="Record changes of tracked data; without PATH, all of it.")
@click.option("-f", "--force", is_flag=True, help="Add data whose pointer changed without a checkout.")
@click.option("--dry-run", is_flag=True, help="Show what would be added without adding it.")
@click.option("--no-checks", is_flag=True, help="Add data without checking it.")
@options.remote_option("Push this data to remote NAME instead of the default remote.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    paths: tuple[str, ...],
    update: bool,
    force: bool,
    dry_run: bool,
    no_checks: bool,
    remote: str | None,
    as_json: bool,
) -> None:
    """Store files and directories and write their pointers.

    Stores the content of PATH, adds PATH to .gitignore, and writes and stages the pointer PATH.dver. Git tracks the
    pointer in place of the data. Commit as usual afterwards.

    Data that fails a critical check of dver.checks.yaml is refused before anything changes. --no-checks adds it anyway,
    and its pointer records that.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        with warning_about_checks(ctx):
            result = add(
                repo,
                paths,
                cwd=ctx.cwd,
                update=update,
                force=force,
                dry_run=dry_run,
                remote=remote,
                checks=not no_checks,
                progress=ctx.progress,
            )
        warn_about_checks(ctx, result.checked)
        if as_json:
            ctx.emit_json(result)
        else:
            _print_result(ctx, repo, result)
            if any(one.changed for one in result.added):
                print_staged(ctx, repo, then=", `dver push` uploads the data")


def _print_result(ctx: Context, repo: Repository, result: AddResult) -> None:
    changed = [one for one in result.added if one.changed]
    ctx.listing([f"{_verb(one, result)} {path_text(repo, one.path)}  ({_size(one)})" for one in changed])
    unchecked = [f"checks of {path_text(repo, path)} were skipped; its pointer says so" for path in result.unchecked]
    ctx.listing(unchecked, ctx.note)
    ctx.listing([f"unchanged {path_text(repo, one.path)}" for one in result.added if not one.changed], ctx.note)
    absent = [f"skipped {path_text(repo, path)}: it is not in the workspace" for path in result.absent]
    ctx.listing(absent, ctx.note)
    for path in result.links:
        command = f"dver add {terminal.printable(quoted(repo.layout.shown(path)))}"
        ctx.warn(f"skipped {path_text(repo, path)}: it is a symbolic link now; `{command}` says how to restore it")
    behind = [
        f"skipped {path_text(repo, path)}: it is out of date, `dver pull` updates it" for path in result.out_of_date
    ]
    ctx.listing(behind, ctx.warn)
    why = "it was edited from another version than its pointer's; `dver status` shows what to do"
    ctx.listing([f"skipped {path_text(repo, path)}: {why}" for path in result.diverged], ctx.warn)


def _verb(one: AddedPointer, result: AddResult) -> str:
    if result.dry_run:
        return "would add" if one.before is None else "would update"
    return "added" if one.before is None else "updated"


def _size(one: AddedPointer) -> str:
    return f"{terminal.count(one.pointer.files, 'file')}, {human_size(one.pointer.size)}"
