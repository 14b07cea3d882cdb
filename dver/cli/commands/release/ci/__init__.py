"""`dver ci`. Each subcommand is a module of this package."""

from __future__ import annotations

from typing import Final

from dver.cli import options

_MODULES: Final = {"init": "dver.cli.commands.release.ci.init"}


@options.lazy_group(
    modules=_MODULES,
    examples=[("dver ci init github", "Write workflows for GitHub Actions.")],
)
def command() -> None:
    """Write CI workflows.

    They check that all data is on the remote, run stages, report what a pull request changes, and register models.
    """
