"""Prints the result of a checkout, and chooses its exit code: for `checkout`, `pull`, `resolve` and Git hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from dver.cli.context import Context
from dver.cli.errors import error_line
from dver.cli.render import terminal
from dver.core.errors import CorruptError
from dver.core.phrasing import join_limited, quoted
from dver.workspace.checkout.restore import CheckoutSummary
from dver.workspace.files.checkout_plan import KeepReason, KeptPath
from dver.workspace.files.content_writer import LostFile

if TYPE_CHECKING:
    from dver.ops.git.follow import FollowResult

_STAGES: Final = 3
_ARGUMENTS: Final = 5
"""Advice names at most this many paths in a command."""


def exit_code_of(restored: CheckoutSummary) -> int:
    """0 for a complete checkout, otherwise the code of the worst problem."""
    error = restored.error()
    return 0 if error is None else error.exit_code


def print_restored(
    ctx: Context,
    restored: CheckoutSummary,
    *,
    shown: Callable[[bytes], str],
    rev: str | None = None,
    label: str = "files",
    pulled: bool = False,
) -> None:
    """Print which files changed, which were kept, and which are missing. `label` begins the first line.

    After a pull (`pulled`), the remote does not have the missing files either, so the advice does not name it.
    """
    parts = [
        f"{number:,} {word}"
        for number, word in (
            (restored.created, "created"),
            (restored.updated, "updated"),
            (restored.removed, "removed"),
        )
        if number
    ]
    unchanged = not parts and not restored.lost and not restored.kept
    if parts or unchanged:
        ctx.say(f"{label}: " + ", ".join(parts) if parts else "everything is up to date")
    _print_kept(ctx, restored, shown)
    _print_lost(ctx, restored, shown, rev, pulled=pulled)
    if restored.parts:
        names = [shown(path) for path in restored.parts]
        paths = f" {' '.join(map(quoted, names))}" if len(names) <= _ARGUMENTS else ""
        ctx.note(f"only a part of {join_limited(names)} is in the workspace; `dver pull{paths}` downloads the rest")


def print_followed(ctx: Context, result: FollowResult) -> None:
    """Print what a Git hook checked out. Prints nothing if it had nothing to do. Paths start at the top of the
    worktree, where hooks run."""
    for error in result.unread:
        ctx.warn(f"dver: kept the data of an unreadable pointer: {error_line(error)}")
    for failure in result.not_fetched:
        ctx.warn(f"dver: not everything was fetched: {error_line(failure)}")
    done = result.restored
    if done.created or done.updated or done.removed or done.kept or done.lost:
        print_restored(ctx, done, shown=terminal.printable, label="dver: files")


def _print_kept(ctx: Context, restored: CheckoutSummary, shown: Callable[[bytes], str]) -> None:
    if not restored.kept:
        return
    ctx.warn(f"kept {terminal.count(len(restored.kept), 'path')} with unsaved changes:")
    ctx.listing([f"  {shown(kept.path)}  ({_why(kept)})" for kept in restored.kept], ctx.note)
    for line in _deciding(restored, shown):
        ctx.note(f"  {line}")


def _why(kept: KeptPath) -> str:
    return (
        "modified here and in the new version" if kept.diverged and kept.why is KeepReason.MODIFIED else kept.why.value
    )


def _deciding(restored: CheckoutSummary, shown: Callable[[bytes], str]) -> Iterator[str]:
    """The commands that save or discard kept files. `dver add` needs --force for files that the new version changes."""
    diverged = [kept.path for kept in restored.kept if kept.diverged]
    if diverged and not any(restored.makers):
        paths = " ".join(quoted(shown(path)) for path in diverged) if len(diverged) <= _ARGUMENTS else "PATH"
        yield f"`dver add --force {paths}` keeps your version, `dver checkout --force {paths}` takes the new one"
        if len(diverged) < len(restored.kept):
            yield "`dver add` saves the others, `dver checkout --force` discards all"
        return
    it = "it" if len(restored.kept) == 1 else "them"
    yield f"{' and '.join(_saving(restored.makers))} saves {it}, `dver checkout --force` discards {it}"


def _saving(makers: Sequence[str | None]) -> Iterator[str]:
    """The commands that save kept data and outputs of stages."""
    if None in makers or not makers:
        yield "`dver add`"
    stages = [terminal.printable(quoted(one)) for one in makers if one is not None]
    if stages:
        yield f"`dver commit {' '.join(stages) if len(stages) <= _STAGES else 'STAGE…'}`"


def _print_lost(
    ctx: Context, restored: CheckoutSummary, shown: Callable[[bytes], str], rev: str | None, *, pulled: bool
) -> None:
    if not restored.lost:
        return
    damaged = sum(isinstance(one.error, CorruptError) for one in restored.lost)
    if damaged:
        ctx.warn(f"{terminal.count(damaged, 'path')} not restored, since the store's copy is damaged")
    if len(restored.lost) > damaged:
        ctx.warn(f"{terminal.count(len(restored.lost) - damaged, 'path')} not restored, since not in the store:")
    ctx.listing([f"  {shown(one.path)}{_damage(one)}" for one in restored.lost], ctx.note)
    get = f"dver pull --rev {rev}" if rev else "dver pull"
    if restored.parts and len(restored.lost) <= _ARGUMENTS:  # without paths, it would download the rest, too
        unread = any(one.path in restored.parts for one in restored.lost)
        get = " ".join(["dver checkout" if unread else get, *(quoted(shown(one.path)) for one in restored.lost)])
    if not pulled:
        ctx.note(f"  `{get}` downloads it from the remote")
    if restored.former_store is not None:
        place = terminal.printable(quoted(str(restored.former_store)))
        ctx.note(f"  `dver fsck --repair --from {place}` copies data from the previous store")


def _damage(lost: LostFile) -> str:
    return "  (the store's copy is damaged)" if isinstance(lost.error, CorruptError) else ""
