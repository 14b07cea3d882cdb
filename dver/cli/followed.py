"""How a hook tells that data has followed its pointers: nothing where nothing was done."""

from __future__ import annotations

from dver.cli import terminal
from dver.cli.context import Context
from dver.cli.errors import in_one_line
from dver.cli.restored import tell_restored
from dver.ops.follow import FollowResult


def tell_followed(ctx: Context, result: FollowResult) -> None:
    """Print what was done, what was kept, and what is missing. Paths are told from the top, where hooks run."""
    for error in result.unread:
        ctx.warn(f"dver: its data stays as it is: {in_one_line(error)}")
    for failure in result.not_fetched:
        ctx.warn(f"dver: not everything was fetched: {in_one_line(failure)}")
    done = result.restored
    if done.created or done.updated or done.removed or done.kept or done.lost:
        tell_restored(ctx, done, shown=terminal.printable, label="dver: files")
