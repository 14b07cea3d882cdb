"""`dver version`: print the version."""

from __future__ import annotations

import sys

import click

from dver.cli import options
from dver.cli.context import Context
from dver.core.version import __version__


@options.command(
    examples=[
        ("dver version", "Print dver's version."),
        ("dver version -v", "Also print Python's."),
        ("dver version --json", "Print both as JSON."),
    ]
)
@options.json_option
@click.pass_obj
def command(ctx: Context, *, as_json: bool) -> None:
    """Print the version."""
    python = ".".join(map(str, sys.version_info[:3]))
    if as_json:
        ctx.emit_json({"dver": __version__, "python": python})
        return
    ctx.say(f"dver {__version__}")
    if ctx.verbose:
        ctx.say(f"python {python} ({sys.executable})")
