"""`dver queue`. Each subcommand is a module of this package."""

from __future__ import annotations

from typing import Final

from dver.cli import options

_PACKAGE: Final = "dver.cli.commands.experiments.queue"
_MODULES: Final = {name: f"{_PACKAGE}.{name}" for name in ("start", "status", "stop", "logs", "remove", "retry")}


@options.lazy_group(
    modules=_MODULES,
    examples=[
        ("dver queue start -j 2", "Run what `dver exp run --queue` queued, in two processes."),
        ("dver queue status", "Show the tasks and the workers."),
        ("dver queue logs -f brave-otter", "Follow the output of one."),
    ],
)
def command() -> None:
    """Run queued experiments, each in a working tree of its own.

    `dver exp run --queue` adds experiments to the queue. Your workspace is never touched while they run.
    """
