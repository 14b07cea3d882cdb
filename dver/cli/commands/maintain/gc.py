"""`dver gc`."""

from __future__ import annotations

import time
from functools import partial

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import warn_about_ignored_settings
from dver.cli.render import terminal
from dver.core.errors import UsageError
from dver.core.phrasing import human_size
from dver.maintenance.unreferenced import UnreferencedData
from dver.ops.maintain.gc import GcReport, RestoreReport, TrashBatch, forget, gc, restore
from dver.ops.maintain.gc_remote import RemoteGcReport, forget_repository, gc_remote
from dver.repo import Repository

_ALL = "*"


@options.command(
    acts=True,
    examples=[
        ("dver gc --dry-run", "Show what would be removed, and what is kept."),
        ("dver gc", "Move unreferenced data to the trash."),
        ("dver gc --restore", "Restore everything in the trash."),
        ("dver gc --remote origin", "Remove unreferenced data from the remote origin."),
    ],
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and change nothing.")
@click.option(
    "--restore",
    "batch",
    is_flag=False,
    flag_value=_ALL,
    metavar="[BATCH]",
    help="Restore everything in the trash, or one batch.",
)
@click.option("--grace", metavar="TIME", help="Override gc.grace: 14d, 12h; 0d deletes at once.")
@options.remote_choice_option("Clean up the remote NAME, or the default one, instead of the store.")
@click.option("--offline", is_flag=True, help="With --remote: do not ask Git remotes for unknown commits.")
@click.option(
    "--forget",
    "gone",
    metavar="CLONE",
    help="Forget a deleted clone, by its path or mark; with --remote, a repository.",
)
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    dry_run: bool,
    batch: str | None,
    grace: str | None,
    remote: options.RemoteChoice | None,
    offline: bool,
    gone: str | None,
    as_json: bool,
) -> None:
    """Remove unreferenced data.

    Keeps all data that a branch, tag, stash, reflog or worktree of this repository references, and in a shared store
    the data of the other clones. All other data moves to the trash, where `--restore` finds it until it is older than
    gc.grace (default: 14 days). Git keeps old commits in reflogs for 30 to 90 days, and dver keeps their data. The data
    of experiments is kept until they were removed for gc.grace: then `dver exp remove --restore` ends.

    On a remote, the first run condemns unreferenced data, and a run after the grace period deletes it. Nothing is
    removed if another repository uses the remote and this clone does not have its commits.
    """
    _check(dry_run=dry_run, batch=batch, remote=remote, offline=offline, gone=gone)
    wait = None if grace is None else options.seconds_of("--grace", grace)
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        if gone is not None:
            _forget(ctx, repo, gone, remote, as_json=as_json)
        elif batch is not None:
            restored = restore(repo, None if batch == _ALL else batch)
            ctx.emit_json(restored) if as_json else _print_restored(ctx, restored)
        elif remote is not None:
            name = remote.checked(repo)
            collected = gc_remote(repo, name, dry_run=dry_run, grace=wait, offline=offline, progress=ctx.progress)
            ctx.emit_json(collected) if as_json else _print_remote(ctx, collected)
        else:
            report = gc(repo, dry_run=dry_run, grace=wait, explain=ctx.verbose > 0, progress=ctx.progress)
            ctx.emit_json(report) if as_json else _print_result(ctx, report)


def _forget(ctx: Context, repo: Repository, gone: str, remote: options.RemoteChoice | None, *, as_json: bool) -> None:
    if remote is not None:
        names = list(forget_repository(repo.remotes, remote.checked(repo), gone))
        count, shown = len(names), [terminal.printable(one) for one in names]
    else:
        count = forget(repo, gone, cwd=ctx.cwd)
        shown = [f"{terminal.printable(gone)} ({terminal.count(count, 'entry', 'entries')})"]
    if as_json:
        ctx.emit_json({"forgotten": count})
        return
    for one in shown:
        ctx.say(f"forgot {one}")


def _check(
    *, dry_run: bool, batch: str | None, remote: options.RemoteChoice | None, offline: bool, gone: str | None
) -> None:
    if batch is not None and (dry_run or remote is not None):
        raise UsageError("--restore cannot be combined with other options", fix="`dver gc --dry-run` lists the trash")
    if offline and remote is None:
        raise UsageError("--offline needs --remote", why="only --remote contacts Git remotes", fix="leave it out")
    if gone is not None and (dry_run or batch is not None):
        raise UsageError("--forget can only be combined with --remote", fix="run the two commands one after the other")


def _did(dry_run: bool, verb: str, past: str) -> str:
    return f"would {verb}" if dry_run else past


def _print_result(ctx: Context, report: GcReport) -> None:
    did = partial(_did, report.dry_run)
    if report.experiments:
        which = terminal.count(report.experiments, "removed experiment")
        ctx.say(f"{did('drop', 'dropped')} {which} for good" + (", with their data" if report.dry_run else ""))
    if not report.objects and not report.rewritten:
        ctx.say("nothing to remove" + ("" if report.left_size else ": all data in the store is referenced"))
    elif not report.objects:
        ctx.say(f"{did('merge', 'merged')} {terminal.count(report.rewritten, 'small pack')} into one")
    else:
        what = f"{terminal.count(report.objects, 'object')}, {human_size(report.size)}"
        ctx.say(f"{did('move', 'moved')} {what} to the trash")
    if report.objects or ctx.verbose:
        ctx.listing([f"  {_unreferenced_line(one)}" for one in report.unreferenced])
    if report.left_size:
        size = human_size(report.left_size)
        ctx.say(f"left {size} of unreferenced data in packs that are mostly referenced")
    for pack in report.damaged:
        ctx.warn(f"kept the pack {pack[:12]}: an object in it is damaged; run `dver fsck`")
    ctx.say(_kept_line(report))
    for holder in report.reasons.holders:
        commits = terminal.count(holder.commits, "commit")
        ctx.say(f"  {terminal.printable(holder.source)} keeps {commits} that no branch or tag reaches")
    if report.deleted:
        size = human_size(sum(one.size for one in report.deleted))
        ctx.say(f"{did('delete', 'deleted')} {size} of trash that was older than the grace period")
    _print_trash(ctx, report.trash)


def _kept_line(report: GcReport) -> str:
    why = report.reasons
    places = [
        terminal.count(why.commits, "commit"),
        terminal.count(why.worktrees, "worktree"),
        *([terminal.count(why.clones, "clone")] if why.clones > 1 else []),
    ]
    size = human_size(report.kept_size)
    return f"kept {terminal.count(report.kept_objects, 'object')}, {size}: referenced by " + " and ".join(places)


def _unreferenced_line(one: UnreferencedData) -> str:
    size = human_size(one.size)
    if one.path is not None:
        return f"{terminal.printable(one.path)}  {size}  last in commit {(one.commit or '')[:12]}"
    if one.names:
        names = ", ".join(map(terminal.printable, one.names))
        return f"a directory with {names}  {size}  {one.oid}"
    return f"{'a directory' if one.kind else 'a file'}  {size}  {one.oid}"


def _print_trash(ctx: Context, batches: tuple[TrashBatch, ...]) -> None:
    if batches:
        ctx.note("in the trash; `dver gc --restore` restores it:")
    for one in batches:
        ctx.note(f"  {one.name}  {human_size(one.size)}  until {_time_text(one.expires)}")


def _print_restored(ctx: Context, report: RestoreReport) -> None:
    for one in report.batches:
        ctx.say(f"restored {one.name}, {human_size(one.size)}")
    if not report.batches:
        ctx.say("the trash is empty")
    else:
        ctx.note("the next `dver gc` removes it again, unless a commit references it")


def _print_remote(ctx: Context, report: RemoteGcReport) -> None:
    where = f"{report.remote} ({terminal.printable(report.url)})"
    did = partial(_did, report.dry_run)
    if not (report.condemned_packs or report.deleted_packs):
        ctx.say(f"nothing to remove on {where}")
    if report.condemned_packs:
        packs = f"{terminal.count(report.condemned_packs, 'pack')}, {human_size(report.condemned_size)}"
        ctx.say(f"{did('condemn', 'condemned')} {packs} on {where}")
    if report.copied_size:
        ctx.say(f"{did('copy', 'copied')} {human_size(report.copied_size)} that is referenced")
    if report.deleted_packs:
        packs = f"{terminal.count(report.deleted_packs, 'pack')}, {human_size(report.deleted_size)}"
        ctx.say(f"{did('delete', 'deleted')} {packs} that an earlier run had condemned")
    if report.next_due is not None:
        after = _time_text(report.next_due)
        ctx.note(f"the first `dver gc --remote {report.remote}` after {after} deletes condemned data")


def _time_text(when: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
