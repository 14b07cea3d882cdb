"""`dver fsck`."""

from __future__ import annotations

import os
from functools import partial

import click

from dver.cli import options
from dver.cli.context import LISTED, Context
from dver.cli.render import terminal
from dver.core.errors import CorruptError
from dver.core.phrasing import human_size
from dver.git.history.commit_names import NamedCommits
from dver.maintenance.affected_paths import AffectedPath, UnreadablePointer
from dver.maintenance.fsck_result import BadObject, FsckResult
from dver.ops.maintain.fsck import fsck
from dver.ops.maintain.fsck_remote import fsck_remote
from dver.repo import Repository
from dver.store.repair.damage import Damage


def _share(percentage: str) -> float:
    """Convert a percentage such as `5%`."""
    try:
        fraction = float(percentage.removesuffix("%")) / 100
    except ValueError:
        fraction = 0.0
    if not 0 < fraction <= 1:
        raise click.BadParameter(f"{percentage!r} is not a percentage such as 5%")
    return fraction


@options.command(
    examples=[
        ("dver fsck", "Read and verify the whole store."),
        ("dver fsck --sample 5%", "Verify a random 5% of it, for example every night."),
        ("dver fsck --remote origin", "Verify the remote origin."),
        ("dver fsck --repair", "Replace corrupt objects by good copies."),
        ("dver fsck --repair --from /mnt/backup/project", "Also use copies from another clone."),
    ]
)
@options.remote_choice_option("Verify the remote NAME, or the default one, instead of the store.")
@click.option("--sample", type=_share, default="100%", metavar="PERCENT", help="Read only a random part, such as 5%.")
@click.option("--seed", type=int, metavar="N", help="With --sample: choose the same part again.")
@click.option("--repair", is_flag=True, help="Replace corrupt objects by good copies.")
@click.option("--dry-run", is_flag=True, help="With --repair: show where good copies are, and change nothing.")
@click.option("--from", "other", metavar="PATH", help="With --repair: also use copies from this store or clone.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    remote: options.RemoteChoice | None,
    sample: float,
    seed: int | None,
    repair: bool,
    dry_run: bool,
    other: str | None,
    as_json: bool,
) -> int:
    """Verify stored data and repair corrupt objects.

    Checks packs, trees, recipes, large files, and the pointers of the whole history, or a remote. For each corrupt
    object, lists the files and commits that need it. Objects that were never fetched are no error.

    --repair uses good copies in the store itself, the workspace, another clone, and the remotes. The exit code is 6 if
    corrupt objects are left.
    """
    if (dry_run or other is not None) and not repair:
        raise click.UsageError("--dry-run and --from need --repair")
    chosen = seed if seed is not None else int.from_bytes(os.urandom(4), "little")
    with Repository.open(ctx.cwd) as repo:
        check = fsck if remote is None else partial(fsck_remote, name=remote.checked(repo))
        result = check(
            repo,
            cwd=ctx.cwd,
            fraction=sample,
            seed=chosen,
            repair=repair,
            dry_run=dry_run,
            other=other,
            progress=ctx.progress,
        )
    if as_json:
        ctx.emit_json(result)
    else:
        _print_result(ctx, result, dry_run=dry_run)
        if sample < 1:
            ctx.note(f"this was a sample; `--seed {chosen}` chooses the same one again")
    return 0 if result.is_well else CorruptError.exit_code


def _print_result(ctx: Context, result: FsckResult, *, dry_run: bool) -> None:
    ctx.listing([_damage_line(one) for one in result.damages])
    ctx.listing([_unreadable_line(one) for one in result.unreadable])
    shown = result.bad if ctx.verbose else result.bad[:LISTED]
    for one in shown:
        _print_object(ctx, one, result, dry_run=dry_run)
    if len(shown) < len(result.bad):
        ctx.say(f"and {terminal.count(len(result.bad) - len(shown), 'more object')} (-v lists them)")
    if result.taken_off:
        off = terminal.count(result.taken_off, "object")
        ctx.say(f"withdrawn from {result.where}: {off}; `dver push` in a clone that has them uploads them again")
    if result.recovered:
        verb = "would restore" if dry_run else "restored"
        ctx.say(f"{verb} {terminal.count(len(result.recovered), 'missing object')} from this machine")
    if result.missing:
        ctx.say(f"not in the store (never fetched, or removed): {terminal.count(len(result.missing), 'object')}")
        ctx.listing([f"  {terminal.printable(one.path)}" for one in result.missing])
        ctx.note("`dver fetch` downloads them from the remote")
    if result.stray_files:
        ctx.say("these files do not belong to it:")
        ctx.listing([f"  {terminal.printable(one)}" for one in result.stray_files])
    for failure in result.warnings:
        ctx.warn(terminal.printable(failure))
    ctx.say(_summary_line(ctx, result))


def _damage_line(one: Damage) -> str:
    at = f" at byte {one.offset:,}" if one.offset is not None else ""
    return f"damaged {one.part.value} in {terminal.printable(one.file)}{at}: {one.why}"


def _unreadable_line(one: UnreadablePointer) -> str:
    where = _commits_text(one.commits, in_workspace=one.in_workspace)
    return f"unreadable pointer {terminal.printable(one.path)} in {where}: {one.why}"


def _print_object(ctx: Context, one: BadObject, result: FsckResult, *, dry_run: bool) -> None:
    if one.source is not None:
        fate = f"{'a good copy is in' if dry_run else 'repaired from'} {one.source}"
    else:
        fate = "lost" if result.repaired or dry_run else "damaged"
    ctx.say(f"{one.oid.short}: {fate}")
    hidden = any(path.below for other in result.bad for path in other.affected)
    unknown = "  possibly in one of the damaged directories" if hidden else "  no pointer of this clone references it"
    lines = [_affected_line(path) for path in one.affected]
    lines += [f"  {text}, which can be made again from the data" for text in one.describes]
    ctx.listing(lines or [unknown])


def _affected_line(one: AffectedPath) -> str:
    path = terminal.printable(one.path) + ("/" if one.below else "")
    return f"  {path} in {_commits_text(one.commits, in_workspace=one.in_workspace)}"


def _commits_text(commits: NamedCommits, *, in_workspace: bool) -> str:
    """The commits that need an object: the workspace first, since its data is in use."""
    places = ["the workspace"] if in_workspace else []
    places += [terminal.printable(name) for name in commits.names]
    if not places:
        return "another worktree, or an operation in progress"
    return ", ".join(places) + (f" and {commits.more:,} more" if commits.more else "")


def _summary_line(ctx: Context, result: FsckResult) -> str:
    where = "the store" if result.where == "store" else result.where
    what = [terminal.count(result.packs, "pack"), terminal.count(result.objects, "object")]
    if result.loose:
        what.insert(1, terminal.count(result.loose, "large file"))
    text = f"checked {', '.join(what)}, {human_size(result.size)} in {where}: "
    if result.is_well:
        return text + (
            ctx.style.green("repaired") if result.repaired and result.damages else ctx.style.green("no errors")
        )
    left = len(result.lost) + len(result.unreadable)
    return text + ctx.style.red("damaged" + (f", {terminal.count(left, 'problem')} left" if result.repaired else ""))
