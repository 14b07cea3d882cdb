"""`dver check`. Each subcommand is a module of this package."""

from __future__ import annotations

import os
from typing import Final

import click

from dver.cli import options
from dver.cli.context import Context
from dver.core.errors import UsageError
from dver.core.phrasing import quoted

_PACKAGE: Final = "dver.cli.commands.quality.check"
_MODULES: Final = {name: f"{_PACKAGE}.{name}" for name in ("available", "data")}


class _Check(options.LazyGroup):
    """Answers the earlier spelling, `dver check` without a subcommand, with the line to type."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        ctx.ensure_object(Context).json_due = "--json" in args
        if not args and not ctx.resilient_parsing:
            raise _moved(given)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption:
            raise _moved(given) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and args[0] not in self.modules and os.path.lexists(args[0]):
            raise _moved(args)
        return super().resolve_command(ctx, args)


@options.lazy_group(
    cls=_Check,
    modules=_MODULES,
    examples=[
        ("dver check data", "Check all data that has rules."),
        ("dver check available --remote", "Check that all data of HEAD was pushed, for example in CI."),
    ],
)
def command() -> None:
    """Check data against rules, and that it is available."""


def _moved(args: list[str]) -> UsageError:
    """The error for `dver check` as it was before `dver check data` came."""
    words = [one if one.startswith("-") and one.isprintable() else quoted(one) for one in args]
    return UsageError(
        "`dver check` has subcommands",
        why="`dver check` alone is now `dver check available`",
        fix=" ".join(("dver check available", *words)),
    )
