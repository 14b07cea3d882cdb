"""The warning about settings of the project that do not count, since they are not trusted."""

from __future__ import annotations

from dver.cli import terminal
from dver.cli.context import Context
from dver.repo import Repository


def warn_of_ignored(ctx: Context, repo: Repository) -> None:
    """Warn of each setting that is ignored in this clone until the user accepts its value."""
    for item in repo.config.ignored:
        value = terminal.printable(str(item.value).lower() if isinstance(item.value, bool) else str(item.value))
        ctx.warn(f"ignored {item.key} = {value} of .dver/config.toml: `dver config trust {item.key}` accepts it")
