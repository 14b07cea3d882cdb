"""What `dver exp fetch` and `dver exp pull` got, as text and JSON."""

from __future__ import annotations

from dver.cli.context import Context
from dver.cli.render.data.transfers import downloads_json, print_fetched
from dver.cli.render.experiments.text import names_text
from dver.cli.render.terminal import count, printable
from dver.ops.exp.fetch import ExpFetchResult


def print_fetched_experiments(ctx: Context, result: ExpFetchResult, *, as_json: bool) -> None:
    """Print what `exp fetch` and `exp pull` got."""
    if as_json:
        found = {name: getattr(result, name) for name in ("git_remote", "new", "changed", "removed", "data_of")}
        remotes = downloads_json(result.remotes, dry_run=False)
        ctx.emit_json({**found, "remotes": remotes, "unreadable": result.unreadable})
        return
    remote = printable(result.git_remote)
    for verb, group in (("fetched", result.new), ("updated", result.changed), ("removed", result.removed)):
        if group:
            ctx.say(f"{verb} {count(len(group), 'experiment')} of {remote}: {names_text(group)}")
    if not (result.new or result.changed or result.removed):
        ctx.say(f"no new experiments on {remote}")
    print_fetched(ctx, result.remotes, dry_run=False)
    if result.data_of and not result.remotes:
        ctx.say(f"the store has the data of {count(len(result.data_of), 'experiment')}")
    for path in result.unreadable:
        ctx.warn(f"did not download the data of {printable(path)}, which is unreadable in an experiment")
