"""`dver config`."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import Any, TypeVar

import click

from dver.cli import options, terminal
from dver.cli.context import Context
from dver.config import KEYS, Scope, Value
from dver.core.remote_schema import SETTINGS
from dver.core.words import typed
from dver.ops.config import LeftBehind, change, get, listed

F = TypeVar("F", bound=Callable[..., Any])


def _scope_options(function: F) -> F:
    """`--global`, `--project` and `--local`, passed as `scope`; the last one counts."""
    for scope, text in (
        ("local", "This clone's own file, which Git never sees: the place for secrets."),
        ("project", "The file .dver/config.toml, shared through Git."),
        ("global", "Your own file, for all projects."),
    ):
        function = click.option(f"--{scope}", "scope", flag_value=scope, default=None, help=text)(function)
    return function


@options.group(
    examples=[
        ("dver config list", "All settings, and where they come from."),
        ("dver config set cache.link hardlink", "For everybody in this project."),
        ("dver config set --global core.jobs 4", "For you, in all projects."),
        ("dver config unset cache.link", "Back to the default."),
    ]
)
def command() -> None:
    """Read and change settings.

    A setting in this clone's own file (--local) counts more than one of the project (--project), and that more than
    yours (--global). Variables such as DVER_CORE_JOBS count most.
    """


@command.command(name="get", examples=[("dver config get cache.link", "Print its value; exit with 1 if it has none.")])
@click.argument("key")
@_scope_options
@options.json_option
@click.pass_obj
def get_command(ctx: Context, *, key: str, scope: Scope | None, as_json: bool) -> int | None:
    """Print the value of one setting."""
    value = get(ctx.cwd, key, scope=scope)
    if as_json:
        ctx.emit_json({"key": key, "value": value})
    elif value is not None:
        ctx.say(_as_typed(value))
    return 1 if value is None else None


@command.command(
    name="set",
    examples=[
        ("dver config set core.jobs 8", "For everybody in this project."),
        ("dver config set --local cache.dir /data/dver", "For this clone only."),
    ],
)
@click.argument("key")
@click.argument("value")
@_scope_options
@click.pass_obj
def set_command(ctx: Context, *, key: str, value: str, scope: Scope | None) -> None:
    """Change one setting; in the project's file unless told otherwise."""
    changed = change(ctx.cwd, key, value, scope=scope or "project")
    ctx.note(f"set {key} in {terminal.printable(changed.file)}")
    _tell_left(ctx, changed.left)


@command.command(
    name="unset", examples=[("dver config unset --local cache.dir", "The project's or the default counts again.")]
)
@click.argument("key")
@_scope_options
@click.pass_obj
def unset_command(ctx: Context, *, key: str, scope: Scope | None) -> None:
    """Take one setting out; of the project's file unless told otherwise."""
    changed = change(ctx.cwd, key, None, scope=scope or "project")
    ctx.note(f"unset {key} in {terminal.printable(changed.file)}")
    _tell_left(ctx, changed.left)


@command.command(
    name="list",
    examples=[
        ("dver config list", "What is in force."),
        ("dver config list --local --json", "What this clone's own file sets, for programs."),
    ],
)
@_scope_options
@options.json_option
@click.pass_obj
def list_command(ctx: Context, *, scope: Scope | None, as_json: bool) -> None:
    """List all settings that have a value, and where it comes from. Secrets are masked."""
    items = listed(ctx.cwd, scope=scope)
    if as_json:
        ctx.emit_json(items)
        return
    ctx.table((item.key, terminal.printable(_as_typed(item.value)), ctx.style.dim(item.origin)) for item in items)


def _tell_left(ctx: Context, left: LeftBehind | None) -> None:
    if left is not None and left.objects:
        place = terminal.printable(typed(str(left.root)))
        ctx.note(f"{terminal.count(left.objects, 'object')} stay in the store used until now, {place}")
        ctx.note(f"  `dver fsck --repair --from {place}` brings what is needed of them to the new one")


def _as_typed(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _settings() -> str:
    """All settings, for the help."""
    specs = [*((spec.name, spec) for spec in KEYS), *((f"remote.NAME.{spec.name}", spec) for spec in SETTINGS)]
    return "\n".join(
        f"{key}\n  {spec.doc}" + (f" ({', '.join(spec.choices)})" if spec.choices else "") for key, spec in specs
    )


command.help = f"{cleandoc(command.help or '')}\n\nSettings:\n\n\b\n{_settings()}"
