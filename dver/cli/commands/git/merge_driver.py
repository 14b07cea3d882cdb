"""`dver merge-driver`: merge pointers, lock files and .gitignore. Git runs it as `dver install` configures."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.errors import report
from dver.ops.git.merge_driver import merge_driver


@options.command(examples=[("dver merge-driver %O %A %B %L %P", "The value of merge.dver.driver.")])
@click.argument("base")
@click.argument("ours")
@click.argument("theirs")
@click.argument("marker_size", type=click.IntRange(1, 1000))
@click.argument("path")
@click.pass_obj
def command(ctx: Context, *, base: str, ours: str, theirs: str, marker_size: int, path: str) -> int:
    """Merge two versions of a pointer, a lock file or a .gitignore.

    Git runs this command with the names of temporary files. The result replaces OURS. The exit code is 1 if there are
    conflicts.
    """
    files = [Path(one).absolute() for one in (base, ours, theirs)]
    result = merge_driver(*files, marker_size=marker_size, path=os.fsencode(path), cwd=ctx.cwd)
    if result.conflict is not None:
        report(result.conflict)
    return 0 if result.clean else 1


command.hidden = True
