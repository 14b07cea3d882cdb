"""What transfers print, and the exit code of downloads: shared by `push`, `fetch`, `pull` and the hooks."""

from __future__ import annotations

from collections.abc import Sequence

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.errors import DverError
from dver.core.phrasing import some
from dver.sharing.download import FetchedFrom


def tell_fetched(ctx: Context, remotes: Sequence[FetchedFrom], *, dry_run: bool) -> None:
    """Print one line for each remote."""
    verb = "would fetch" if dry_run else "fetched"
    for one in remotes:
        where = f"{one.remote} ({terminal.printable(one.url)})"
        if one.objects or not one.runs:
            ctx.say(f"{verb} {amount(one.files, one.size)} from {where}")
        if one.runs:
            ctx.say(f"fetched {entries(one.runs)} from {where}")
        if one.damaged_runs:
            ctx.warn(f"left out what {where} knows of some runs: {some(one.damaged_runs)} is damaged")


def entries(runs: int) -> str:
    """A number of runs in the run cache."""
    return f"{runs:,} run cache {'entry' if runs == 1 else 'entries'}"


def amount(files: int, size: int) -> str:
    """What was sent or received: files, or only what says which files a directory has."""
    if not size:
        return "nothing"
    what = terminal.count(files, "file") if files else "directory listings"
    return f"{what}, {terminal.human_size(size)}"


def first_error(remotes: Sequence[FetchedFrom]) -> DverError | None:
    """What could not be had, as an error; None if all could."""
    errors = [error for one in remotes if (error := one.result.error()) is not None]
    return max(errors, key=lambda error: error.exit_code, default=None)
