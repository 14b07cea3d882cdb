"""`dver gc`."""

from __future__ import annotations

import re
import time

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import warn_about_ignored_settings
from dver.cli.render import terminal
from dver.config.schema import parse_duration
from dver.core.errors import UsageError
from dver.maintenance.unreferenced import UnreferencedData
from dver.ops.maintain.gc import GcReport, RestoreReport, TrashBatch, forget, gc, restore
from dver.ops.maintain.gc_remote import RemoteGcReport, forget_repository, gc_remote
from dver.repo import Repository

_ALL = "*"


@options.command(
    acts=True,
    examples=[
        ("dver gc --dry-run", "Say what would go, and what stays and why."),
        ("dver gc", "Move to the trash what nobody needs."),
        ("dver gc --restore", "Bring back what is in the trash."),
        ("dver gc --remote origin", "Collect on the remote origin."),
    ],
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option(
    "--restore",
    "batch",
    is_flag=False,
    flag_value=_ALL,
    metavar="[BATCH]",
    help="Bring back all that is in the trash, or one batch.",
)
@click.option("--grace", metavar="TIME", help="Instead of gc.grace: 14d, 12h; 0d deletes at once, for good.")
@options.remote_choice_option("Collect on the remote NAME, or on the default one, instead of in the store.")
@click.option("--offline", is_flag=True, help="With --remote: do not ask Git remotes whether all commits are here.")
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

    Kept is all that any branch, tag, stash, reflog or worktree of this repository may need, whatever was checked out
    last; also what other clones need, where they share the store. The rest goes to the trash, from where `--restore`
    brings it back, until it is older than gc.grace, by default 14 days. Git forgets commits after 30 to 90 days: until
    then, their data counts as needed.

    On a remote, what this clone's history does not need is condemned first, and deleted by a later run, when others
    have had the grace period to notice. Nothing is removed while a repository uses the remote whose commits are not
    known here.
    """
    _check(dry_run=dry_run, batch=batch, remote=remote, offline=offline, gone=gone)
    wait = None if grace is None else _seconds(grace)
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
        names = list(forget_repository(repo, remote.checked(repo), gone))
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
        raise UsageError("--restore goes with no other option", fix="dver gc --dry-run lists what is in the trash")
    if offline and remote is None:
        raise UsageError("--offline is for --remote", why="nothing else asks a Git remote", fix="leave it out")
    if gone is not None and (dry_run or batch is not None):
        raise UsageError(
            "--forget goes with no other option but --remote", fix="run the two commands one after the other"
        )


def _seconds(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}[mhdw]", text):
        raise UsageError(
            f"--grace cannot be {text!r}", why="expected a number and m, h, d or w", fix="such as --grace 14d"
        )
    return parse_duration(text)


def _print_result(ctx: Context, report: GcReport) -> None:
    would = "would " if report.dry_run else ""
    if not report.objects and not report.rewritten:
        ctx.say("nothing to remove" + ("" if report.left_size else ": all data in the store is referenced"))
    elif not report.objects:
        ctx.say(f"{would}{'join' if would else 'joined'} {terminal.count(report.rewritten, 'small pack')} into one")
    else:
        what = f"{terminal.count(report.objects, 'object')}, {terminal.human_size(report.size)}"
        ctx.say(f"{would}{'move' if would else 'moved'} {what} to the trash")
    if report.objects or ctx.verbose:
        _print_unneeded(ctx, report.unneeded)
    if report.left_size:
        size = terminal.human_size(report.left_size)
        ctx.say(f"left {size} of unreferenced data in packs that are mostly referenced, until there is more of it")
    for pack in report.damaged:
        ctx.warn(f"the pack {pack[:12]} stays as it is, since an object in it is damaged: `dver fsck` tells more")
    ctx.say(_kept(report))
    for holder in report.reasons.holders:
        commits = terminal.count(holder.commits, "commit")
        ctx.say(f"  {terminal.printable(holder.source)} keeps {commits} that no branch or tag reaches")
    if report.deleted:
        size = terminal.human_size(sum(one.size for one in report.deleted))
        ctx.say(
            f"{would}{'delete' if would else 'deleted'} for good {size} of trash that was older than the grace period"
        )
    _print_trash(ctx, report.trash)


def _print_unneeded(ctx: Context, unneeded: tuple[UnreferencedData, ...]) -> None:
    ctx.listing([f"  {_line(one)}" for one in unneeded])


def _kept(report: GcReport) -> str:
    why = report.reasons
    places = [
        terminal.count(why.commits, "commit"),
        terminal.count(why.worktrees, "worktree"),
        *([terminal.count(why.clones, "clone")] if why.clones > 1 else []),
    ]
    size = terminal.human_size(report.kept_size)
    return f"kept {terminal.count(report.kept_objects, 'object')}, {size}: needed by " + " and ".join(places)


def _line(one: UnreferencedData) -> str:
    size = terminal.human_size(one.size)
    if one.path is not None:
        return f"{terminal.printable(one.path)}  {size}  last in commit {(one.commit or '')[:12]}"
    if one.names:
        names = ", ".join(map(terminal.printable, one.names))
        return f"a directory with {names}  {size}  {one.oid}"
    return f"{'a directory' if one.kind else 'a file'}  {size}  {one.oid}"


def _print_trash(ctx: Context, batches: tuple[TrashBatch, ...]) -> None:
    if batches:
        ctx.note("in the trash, and brought back by `dver gc --restore`:")
    for one in batches:
        ctx.note(f"  {one.name}  {terminal.human_size(one.size)}  until {_day(one.expires)}")


def _print_restored(ctx: Context, report: RestoreReport) -> None:
    for one in report.batches:
        ctx.say(f"brought back {one.name}, {terminal.human_size(one.size)}")
    if not report.batches:
        ctx.say("the trash is empty")
    else:
        ctx.note("the next `dver gc` removes it again, unless a commit needs it by then")


def _print_remote(ctx: Context, report: RemoteGcReport) -> None:
    where = f"{report.remote} ({terminal.printable(report.url)})"
    would = "would " if report.dry_run else ""
    if not (report.condemned_packs or report.deleted_packs):
        ctx.say(f"nothing to remove on {where}")
    if report.condemned_packs:
        packs = f"{terminal.count(report.condemned_packs, 'pack')}, {terminal.human_size(report.condemned_size)}"
        ctx.say(f"{would}{'condemn' if would else 'condemned'} {packs} on {where}")
    if report.copied_size:
        ctx.say(
            f"{would}{'copy' if would else 'copied'} {terminal.human_size(report.copied_size)} of it that is needed"
        )
    if report.deleted_packs:
        packs = f"{terminal.count(report.deleted_packs, 'pack')}, {terminal.human_size(report.deleted_size)}"
        ctx.say(f"{would}{'delete' if would else 'deleted'} {packs} that had been condemned")
    if report.next_due is not None:
        after = _day(report.next_due)
        ctx.note(f"what is condemned is deleted by the first `dver gc --remote {report.remote}` after {after}")


def _day(when: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
