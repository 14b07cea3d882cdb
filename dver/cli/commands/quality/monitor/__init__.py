"""`dver monitor`. Each subcommand is a module of this package."""

from __future__ import annotations

from typing import Final

import click

from dver.cli import options

_PACKAGE: Final = "dver.cli.commands.quality.monitor"
_MODULES: Final = {name: f"{_PACKAGE}.{name}" for name in ("compare", "history")}


class _Monitor(options.LazyGroup):
    """Runs `default` if the first word is no subcommand."""

    default: Final = "compare"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = _first_word(args)
        asks_for_help = bool(args) and set(args) <= {"-h", "--help"}
        completes = not args and ctx.resilient_parsing
        if first not in self.modules and not asks_for_help and not completes:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


@options.lazy_group(
    cls=_Monitor,
    modules=_MODULES,
    examples=[
        ("dver monitor live.csv --model churn#prod", "Compare live data with what the model was trained on."),
        ("dver monitor live.csv --reference data/train.csv@v1.0", "Compare it with a version of data."),
        ("dver monitor history churn", "Show all windows of a monitor over time."),
    ],
)
def command() -> None:
    """Compare live data with a reference, and show the history.

    `dver monitor LIVE` is `dver monitor compare LIVE`.
    """


def _first_word(args: list[str]) -> str | None:
    """The first argument that is no global option."""
    left = iter(args)
    for one in left:
        if one == "--cd":
            next(left, None)
        elif one not in ("-q", "--quiet", "-v", "--verbose", "-vv") and not one.startswith("--cd="):
            return one
    return None
