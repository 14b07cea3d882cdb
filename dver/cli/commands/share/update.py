"""`dver update`."""

from __future__ import annotations

from functools import partial

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_ignored_settings
from dver.cli.render import terminal
from dver.cli.render.data.changes import change_lines, path_text
from dver.cli.render.data.checkout import exit_code_of, print_restored
from dver.cli.render.quality.failed_checks import note_skipped_checks, warn_about_checks, warning_about_checks
from dver.core.phrasing import human_size
from dver.formats.pointer import Pointer
from dver.formats.pointer_source import RepositorySource
from dver.ops.share.update import UpdatedImport, update
from dver.repo import Repository
from dver.store.trees.compare import change_summary


@options.command(
    acts=True,
    examples=[
        ("dver update", "Update all imports."),
        ("dver update data/raw", "Update one import."),
        ("dver update -v data/raw", "Also list the changed files."),
        ("dver update --rev v2 data/images", "Follow the tag v2 of the source from now on."),
    ],
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--rev", metavar="REV", help="Follow this branch, tag or commit of the source repository from now on.")
@click.option("-f", "--force", is_flag=True, help="Discard unsaved changes, and read unchanged sources again.")
@click.option("--no-checks", is_flag=True, help="Update data without checking it.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context, *, paths: tuple[str, ...], rev: str | None, force: bool, no_checks: bool, as_json: bool
) -> int:
    """Download what changed at the sources of imports.

    Asks the source of each import at or below PATH whether it changed, or of all imports. Downloads changed files,
    writes the pointers, and checks out the data. Also downloads imports that were only recorded. Data that fails a
    critical check is refused.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        with warning_about_checks(ctx):
            updated = update(
                repo, paths, cwd=ctx.cwd, rev=rev, force=force, checks=not no_checks, progress=ctx.progress
            )
        for one in updated:
            warn_about_checks(ctx, one.checked)
        if as_json:
            ctx.emit_json({"updated": updated})
        else:
            for one in updated:
                _print_one(ctx, repo, one)
            if not updated:
                ctx.say("no imports; `dver import` and `dver import-url` make some")
            if any(one.pointer != one.before for one in updated):
                print_staged(ctx, repo, then=", `dver push` uploads the data")
    return max((exit_code_of(one.restored) for one in updated if one.restored is not None), default=0)


def _print_one(ctx: Context, repo: Repository, one: UpdatedImport) -> None:
    place, pointer = path_text(repo, one.path), one.pointer
    amount = (
        f"{terminal.count(pointer.files, 'file')}, {human_size(pointer.size)}, {human_size(one.received)} downloaded"
    )
    if one.same_content:
        ctx.say(f"{place} is up to date{_new_rev(one)}")
    elif not isinstance(one.before, Pointer):
        ctx.say(f"downloaded {place}  ({amount})")
    else:
        ctx.say(
            f"updated {place}{_commits(one)}  ({amount})" + (f": {change_summary(one.changes)}" if one.changes else "")
        )
        if ctx.verbose:
            ctx.listing([f"  {line}" for line in change_lines(repo, one.changes or (), ctx.style)])
    if one.pointer != one.before:
        note_skipped_checks(ctx, repo, one.path, pointer)
    if one.restored is not None and (one.restored.kept or one.restored.lost):
        print_restored(ctx, one.restored, shown=partial(path_text, repo))


def _commits(one: UpdatedImport) -> str:
    old, new = one.before.source, one.pointer.source
    if not isinstance(old, RepositorySource) or not isinstance(new, RepositorySource) or old.commit == new.commit:
        return ""
    return f" {old.commit[:12]} -> {new.commit[:12]}"


def _new_rev(one: UpdatedImport) -> str:
    old, new = one.before.source, one.pointer.source
    if not isinstance(old, RepositorySource) or not isinstance(new, RepositorySource) or old.rev == new.rev:
        return ""
    return f", and follows {terminal.printable(new.rev or 'the default branch')} now"
