"""`dver checks`. Each subcommand is a module of this package."""

from __future__ import annotations

from typing import Final

from dver.cli import options

_MODULES: Final = {"init": "dver.cli.commands.quality.checks.init"}


@options.lazy_group(
    modules=_MODULES,
    examples=[("dver checks init data/train.csv", "Propose rules for a file.")],
)
def command() -> None:
    """Write rules for data.

    `dver check data` checks data against them.
    """
