"""`dver resolve`: resolve merge conflicts in tracked data."""

from __future__ import annotations

from functools import partial

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.cli.render.data.checkout import exit_code_of, print_restored
from dver.core.errors import UsageError
from dver.core.phrasing import human_size, quoted
from dver.formats.tree import Entry, Kind
from dver.ops.track.resolve import ResolveResult, resolve
from dver.repo import Repository
from dver.store.trees.merge import MergeChoice


@options.command(
    examples=[
        ("dver resolve", "List conflicts."),
        ("dver resolve data/ --theirs", "Resolve all conflicts in data/ with their version."),
        ("dver resolve data/a.csv --union", "Keep both, as a.ours.csv and a.theirs.csv."),
    ]
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--ours", is_flag=True, help="Use our version of each file in conflict.")
@click.option("--theirs", is_flag=True, help="Use their version of each file in conflict.")
@click.option("--union", is_flag=True, help="Keep both versions of each, as NAME.ours.EXT and NAME.theirs.EXT.")
@click.option("--both", is_flag=True, help="Write both as NAME.EXT.ours and NAME.EXT.theirs, without resolving.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context, *, paths: tuple[str, ...], ours: bool, theirs: bool, union: bool, both: bool, as_json: bool
) -> int:
    """Resolve merge conflicts in tracked data.

    After `git merge`, `rebase`, `cherry-pick` or `stash pop`, only files that both sides changed are in conflict. PATH
    is data in conflict, or a file in it. When all its conflicts are resolved, dver stages the pointer and checks out
    the data. PATH may also be a dver.lock: --ours or --theirs then resolves its stages. Without an option, lists the
    conflicts. In a rebase, ours is the branch that you rebase onto.
    """
    flags = {MergeChoice.OURS: ours, MergeChoice.THEIRS: theirs, MergeChoice.UNION: union}
    chosen = [choice for choice, wanted in flags.items() if wanted]
    if len(chosen) + both > 1:
        raise UsageError("more than one of --ours, --theirs, --union and --both", fix="give one of them")
    if chosen and not paths:
        raise UsageError("no path given", fix=f"dver resolve PATH --{chosen[0].value}; PATH may be `.`")
    with Repository.open(ctx.cwd) as repo:
        choice = chosen[0] if chosen else None
        result = resolve(repo, paths, cwd=ctx.cwd, choice=choice, both=both, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
        else:
            _print_result(ctx, repo, result)
            print_staged(ctx, repo)
        return exit_code_of(result.restored) if result.restored is not None else 0


def _print_result(ctx: Context, repo: Repository, result: ResolveResult) -> None:
    for path in result.written:
        ctx.say(f"wrote {path_text(repo, path)}")
    for path in (*result.resolved, *result.resolved_locks):
        ctx.say(f"resolved {path_text(repo, path)}")
    for path in result.whole:
        ctx.note(f"took one side of {path_text(repo, path)} completely: directory listings for a merge are missing")
    if result.restored is not None and (not result.written or result.restored.kept or result.restored.lost):
        print_restored(ctx, result.restored, shown=partial(path_text, repo))
    for path in result.left_out:
        argument = quoted(repo.layout.shown(path))
        ctx.note(f"{path_text(repo, path)} is not in the workspace: `dver pull {argument}` downloads it")
    if result.open:
        ctx.say(f"{terminal.count(len(result.open), 'conflict')}:")
        for one in result.open:
            ctx.say(f"  {path_text(repo, one.path)}  (ours: {_side(one.ours)}, theirs: {_side(one.theirs)})")
    for path, key in result.keys:
        ctx.say(f"  {path_text(repo, path)}.dver: both sides changed the key {terminal.printable(key)}")
    for lock in result.locks:
        stages = ", ".join(map(terminal.printable, lock.stages))
        what = f"both sides changed {stages}" if stages else "one side deleted it"
        ctx.say(f"  {path_text(repo, lock.path)}: {what}")
    if result.open:
        ctx.note(
            f"to resolve one: dver resolve {quoted(repo.layout.shown(result.open[0].path))} --ours, --theirs or --union"
        )
    elif result.keys or result.locks:
        path = result.keys[0][0] if result.keys else result.locks[0].path
        ctx.note(f"to resolve it: dver resolve {quoted(repo.layout.shown(path))} --ours or --theirs")
    elif not result.resolved and not result.resolved_locks and not result.written and result.restored is None:
        ctx.note("no conflicts")


def _side(entry: Entry | None) -> str:
    if entry is None:
        return "deleted"
    if entry.kind is Kind.DIRECTORY:
        return f"{terminal.count(entry.files, 'file')}, {human_size(entry.size)}"
    return "link" if entry.kind is Kind.SYMLINK else human_size(entry.size)
