"""Options that commands which change the registry share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import click

from dver.cli.options import json_option, with_options

_DEFAULT: Final = "(default)"
"""The value of `--push` without a name. No Git remote can have this name."""


push_option: Final = click.option(
    "--push",
    is_flag=False,
    flag_value=_DEFAULT,
    metavar="[REMOTE]",
    help="Upload the data, and push the tag to a Git remote.",
)


def push_remote(push: str | None) -> str | None:
    """The Git remote that a value of `--push` names; None for the default one."""
    return None if push == _DEFAULT else push


def change_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`-m`, `--push`, `--dry-run`, `--json`: the first three passed as `options`, a ChangeOptions."""

    @wraps(function)
    def inner(*args: Any, message: str | None, push: str | None, dry_run: bool, **named: Any) -> Any:
        from dver.gitflow.registry_changes import ChangeOptions  # only for commands that have these options

        chosen = ChangeOptions(push is not None, push_remote(push), message, dry_run)
        return function(*args, options=chosen, **named)

    return with_options(
        inner,
        click.option("-m", "--message", metavar="TEXT", help="Use TEXT as the message of the tag."),
        push_option,
        click.option("--dry-run", is_flag=True, help="Show which tag would be made without making it."),
        json_option,
    )
