"""How downloads are told, and their exit code: shared by `fetch` and `pull`."""

from __future__ import annotations

from collections.abc import Sequence

from dver.cli import terminal
from dver.cli.context import Context
from dver.core.errors import DverError
from dver.core.words import some
from dver.project.getting import FetchedFrom


def tell_fetched(ctx: Context, remotes: Sequence[FetchedFrom], *, dry_run: bool) -> None:
    """Print one line for each remote."""
    verb = "would fetch" if dry_run else "fetched"
    for one in remotes:
        where = f"{one.remote} ({terminal.printable(one.url)})"
        if one.objects or not one.runs:
            ctx.say(f"{verb} {terminal.count(one.objects, 'object')}, {terminal.human_size(one.size)} from {where}")
        if one.runs:
            ctx.say(f"learnt of {terminal.count(one.runs, 'run')} of stages from {where}")
        if one.damaged_runs:
            ctx.warn(f"left out what {where} knows of some runs: {some(one.damaged_runs)} is damaged")


def first_error(remotes: Sequence[FetchedFrom]) -> DverError | None:
    """What could not be had, as an error; None if all could."""
    errors = [error for one in remotes if (error := one.result.error()) is not None]
    return max(errors, key=lambda error: error.exit_code, default=None)
