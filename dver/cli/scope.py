"""Options that select the commits and the remote of a transfer."""

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
            click.option("--rev", metavar="REV", help="Use the data of commit REV instead of the current data."),
            click.option("--all-branches", is_flag=True, help="Use the data at the tips of all branches."),
            click.option("--all-tags", is_flag=True, help="Use the data of all tags."),
            click.option("--all-commits", is_flag=True, help="Use the data of all commits."),
        )
    ):
        function = option(function)
    return function


def transfer_options(function: F) -> F:
    """`scope_options`, and `-r`, `-j`, `--dry-run`."""
    for option in reversed(
        (
            remote_option("Use remote NAME instead of the default remote."),
            click.option("-j", "--jobs", type=click.IntRange(1, 256), metavar="N", help="Run N transfers in parallel."),
            click.option("--dry-run", is_flag=True, help="Show what would be transferred without transferring it."),
        )
    ):
        function = option(function)
    return scope_options(function)
