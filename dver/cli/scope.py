"""The options that say which commits a transfer is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from dver.cli.remotes import remote_option

F = TypeVar("F", bound=Callable[..., Any])


def scope_options(function: F) -> F:
    """`--rev`, `--all-branches`, `--all-tags`, `--all-commits`: the fields of `dver.project.history.Scope`."""
    for option in reversed(
        (
            click.option("--rev", metavar="REV", help="The data of the commit REV, instead of the current one."),
            click.option("--all-branches", is_flag=True, help="The data at the tips of all branches."),
            click.option("--all-tags", is_flag=True, help="The data of all tags."),
            click.option("--all-commits", is_flag=True, help="The data of the whole history."),
        )
    ):
        function = option(function)
    return function


def transfer_options(function: F) -> F:
    """`scope_options`, and `-r`, `-j`, `--dry-run`."""
    for option in reversed(
        (
            remote_option("Use the remote NAME instead of the default one."),
            click.option("-j", "--jobs", type=click.IntRange(1, 256), metavar="N", help="N transfers at a time."),
            click.option("--dry-run", is_flag=True, help="Say what would be transferred, and transfer nothing."),
        )
    ):
        function = option(function)
    return scope_options(function)
