"""`dver update`."""

from __future__ import annotations

from functools import partial

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_ignored_settings
from dver.cli.render import terminal
from dver.cli.render.changes import change_lines, change_summary, path_text
from dver.cli.render.checkout import exit_code_of, print_restored
from dver.core.phrasing import human_size
from dver.formats.pointer import Pointer
from dver.ops.share.update import UpdatedImport, update
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver update", "Update all imports."),
        ("dver update data/raw", "Update one import."),
        ("dver update -v data/raw", "Also list the changed files."),
    ],
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("-f", "--force", is_flag=True, help="Discard unsaved changes, and read unchanged sources again.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, paths: tuple[str, ...], force: bool, as_json: bool) -> int:
    """Download what changed at the sources of imports.

    Asks the source of each import at or below PATH whether it changed, or of all imports. Downloads changed files,
    writes the pointers, and checks out the data. Also downloads imports that were only recorded.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        updated = update(repo, paths, cwd=ctx.cwd, force=force, progress=ctx.progress)
        if as_json:
            ctx.emit_json({"updated": updated})
        else:
            for one in updated:
                _print_one(ctx, repo, one)
            if not updated:
                ctx.say("no imports; `dver import-url URL` tracks a copy of files at a URL")
            if any(one.pointer != one.before for one in updated):
                print_staged(ctx, repo, then=", `dver push` uploads the data")
    return max((exit_code_of(one.restored) for one in updated if one.restored is not None), default=0)


def _print_one(ctx: Context, repo: Repository, one: UpdatedImport) -> None:
    place, pointer = path_text(repo, one.path), one.pointer
    amount = f"{terminal.count(pointer.files, 'file')}, {human_size(pointer.size)}, {human_size(one.read)} downloaded"
    if one.same_content:
        ctx.say(f"{place} is up to date")
    elif not isinstance(one.before, Pointer):
        ctx.say(f"downloaded {place}  ({amount})")
    else:
        ctx.say(f"updated {place}  ({amount})" + (f": {change_summary(one.changes)}" if one.changes else ""))
        if ctx.verbose:
            ctx.listing([f"  {line}" for line in change_lines(repo, one.changes or (), ctx.style)])
    if one.restored is not None and (one.restored.kept or one.restored.lost):
        print_restored(ctx, one.restored, shown=partial(path_text, repo))
