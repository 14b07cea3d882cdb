"""`dver config`."""

from __future__ import annotations

import os
from collections.abc import Callable
from inspect import cleandoc
from typing import Any, TypeVar

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import staged_line
from dver.cli.render import terminal
from dver.config import KEYS, Item, Scope, Value, is_address
from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.core.remote_schema import SETTINGS
from dver.ops.setup.config import Changed, LeftBehind, change, get, listed, trust

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


class _Config(options.Group):
    """`dver config KEY` is `dver config get KEY`, as with `git config`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.commands or "." not in args[0]:
            return super().resolve_command(ctx, args)
        if len(args) > 1 and not args[1].startswith("-"):
            raise UsageError(
                "a key and a value, but no command",
                why="dver config KEY prints a value",
                fix=f"dver config set {quoted(args[0])} {quoted(args[1])}",
            )
        return super().resolve_command(ctx, ["get", *args])


@options.group(
    cls=_Config,
    examples=[
        ("dver config list", "All settings, and where they come from."),
        ("dver config core.jobs", "The value of one setting."),
        ("dver config set cache.link hardlink", "For everybody in this project."),
        ("dver config set --global core.jobs 4", "For you, in all projects."),
        ("dver config unset cache.link", "Back to the default."),
    ],
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
    _report(ctx, changed)


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
    _report(ctx, changed)


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
    ctx.table((item.key, terminal.printable(_as_typed(item.value)), ctx.style.dim(_origin(item))) for item in items)


@command.command(
    name="trust",
    examples=[
        ("dver config trust --dry-run", "Show what waits for your trust."),
        ("dver config trust", "Accept all of it in this clone."),
        ("dver config trust cache.dir", "Accept the store that the project names."),
        ("dver config trust --revoke hooks.fetch", "Ignore it again."),
    ],
)
@click.argument("keys", nargs=-1, metavar="[KEY...]")
@click.option("--revoke", is_flag=True, help="Trust these settings no longer, whatever their values.")
@click.option("--dry-run", is_flag=True, help="Show the values, and change nothing.")
@options.json_option
@click.pass_obj
def trust_command(ctx: Context, *, keys: tuple[str, ...], revoke: bool, dry_run: bool, as_json: bool) -> None:
    """Accept settings of the project that reach out of the repository.

    These settings come with the commits of others. They count in this clone once you have accepted their values:
    cache.dir outside of the repository, cache.shared, and hooks.fetch. Hooks contact the address of a remote after you
    have accepted it, or used it by `dver pull`, `fetch` or `push`. A new value needs new trust.
    """
    result = trust(ctx.cwd, keys, revoke=revoke, dry_run=dry_run)
    if as_json:
        ctx.emit_json(result)
        return
    verb = ("would revoke" if revoke else "would trust") if dry_run else "revoked" if revoke else "trusted"
    for item in result.settings:
        ctx.say(f"{verb} {item.key} = {terminal.printable(_as_typed(item.value))}")
    if not result.settings:
        ctx.say("nothing to revoke" if revoke else "no setting of the project waits for trust")
    _tell_left(ctx, result.left)


def _origin(item: Item) -> str:
    if item.trusted:
        return item.origin
    return f"{item.origin}, {'not in hooks' if is_address(item.key) else 'ignored'}: not trusted"


def _report(ctx: Context, changed: Changed) -> None:
    if changed.is_staged:
        ctx.note(staged_line([terminal.printable(os.path.relpath(changed.file, ctx.cwd))]))
    _tell_left(ctx, changed.left)


def _tell_left(ctx: Context, left: LeftBehind | None) -> None:
    if left is not None and left.objects:
        place = terminal.printable(quoted(str(left.root)))
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
