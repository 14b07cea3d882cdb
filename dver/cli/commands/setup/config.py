"""`dver config`: read and change settings."""

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
from dver.config import Scope, Setting, Value, is_address
from dver.config.schema import BY_KEY
from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.ops.setup.config import PreviousStore, SettingChanged, get_setting, list_settings, set_setting, trust_project

F = TypeVar("F", bound=Callable[..., Any])


def _scope_options(function: F) -> F:
    """`--global`, `--project` and `--local`, passed as `scope`; the last one counts."""
    for scope, text in (
        ("local", "Use this clone's uncommitted config (use for secrets)."),
        ("project", "Use the project's .dver/config.toml, which Git shares."),
        ("global", "Use your own config for all projects."),
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
        ("dver config list", "List all settings and their origin."),
        ("dver config core.jobs", "Print one setting."),
        ("dver config set cache.link hardlink", "Change a setting for everybody in this project."),
        ("dver config set --global core.jobs 4", "Change it for you, in all projects."),
        ("dver config unset cache.link", "Return to the default."),
    ],
)
def command() -> None:
    """Read and change settings.

    This clone's config (--local) overrides the project's (--project), which overrides your own (--global). Environment
    variables such as DVER_CORE_JOBS override all of them.
    """


@command.command(name="get", examples=[("dver config get cache.link", "Print its value; exit with 1 if it has none.")])
@click.argument("key")
@_scope_options
@options.json_option
@click.pass_obj
def get_command(ctx: Context, *, key: str, scope: Scope | None, as_json: bool) -> int | None:
    """Print the value of a setting."""
    value = get_setting(ctx.cwd, key, scope=scope)
    if as_json:
        ctx.emit_json({"key": key, "value": value})
    elif value is not None:
        ctx.say(_as_typed(value))
    return 1 if value is None else None


@command.command(
    name="set",
    examples=[
        ("dver config set core.jobs 8", "Change it for everybody in this project."),
        ("dver config set --local cache.dir /data/dver", "Change it for this clone only."),
    ],
)
@click.argument("key")
@click.argument("value")
@_scope_options
@click.pass_obj
def set_command(ctx: Context, *, key: str, value: str, scope: Scope | None) -> None:
    """Change a setting, by default in the project's config."""
    changed = set_setting(ctx.cwd, key, value, scope=scope or "project")
    ctx.note(f"set {key} in {terminal.printable(changed.file)}")
    _print_changed(ctx, changed)


@command.command(
    name="unset", examples=[("dver config unset --local cache.dir", "Return to the project's value or the default.")]
)
@click.argument("key")
@_scope_options
@click.pass_obj
def unset_command(ctx: Context, *, key: str, scope: Scope | None) -> None:
    """Remove a setting, by default from the project's config."""
    changed = set_setting(ctx.cwd, key, None, scope=scope or "project")
    ctx.note(f"unset {key} in {terminal.printable(changed.file)}")
    _print_changed(ctx, changed)


@command.command(
    name="list",
    examples=[
        ("dver config list", "List the effective settings."),
        ("dver config list --local --json", "Print the settings of this clone's config as JSON."),
    ],
)
@_scope_options
@options.json_option
@click.pass_obj
def list_command(ctx: Context, *, scope: Scope | None, as_json: bool) -> None:
    """List all settings that have a value, and their origin. Secrets are masked."""
    items = list_settings(ctx.cwd, scope=scope)
    if as_json:
        ctx.emit_json(items)
        return
    ctx.table((item.key, terminal.printable(_as_typed(item.value)), ctx.style.dim(_origin(item))) for item in items)


@command.command(
    name="trust",
    examples=[
        ("dver config trust --dry-run", "List settings that wait for your trust."),
        ("dver config trust", "Trust all of them in this clone."),
        ("dver config trust cache.dir", "Trust the store that the project names."),
        ("dver config trust --revoke hooks.fetch", "Ignore it again."),
    ],
)
@click.argument("keys", nargs=-1, metavar="[KEY...]")
@click.option("--revoke", is_flag=True, help="Stop trusting these settings, whatever their values.")
@click.option("--dry-run", is_flag=True, help="Show the values without changing anything.")
@options.json_option
@click.pass_obj
def trust_command(ctx: Context, *, keys: tuple[str, ...], revoke: bool, dry_run: bool, as_json: bool) -> None:
    """Trust settings of the project that reach outside the repository.

    These settings come with other people's commits, and this clone ignores them until you trust their values: cache.dir
    outside the repository, cache.shared, checks.plugins and hooks.fetch. Hooks contact a remote's address after you
    have trusted it, or used it with `dver pull`, `fetch` or `push`. A new value needs new trust.
    """
    result = trust_project(ctx.cwd, keys, revoke=revoke, dry_run=dry_run)
    if as_json:
        ctx.emit_json(result)
        return
    verb = ("would revoke" if revoke else "would trust") if dry_run else "revoked" if revoke else "trusted"
    for item in result.settings:
        ctx.say(f"{verb} {item.key} = {terminal.printable(_as_typed(item.value))}")
    if not result.settings:
        ctx.say("nothing to revoke" if revoke else "no setting of the project waits for trust")
    _print_left_behind(ctx, result.left)


def _origin(item: Setting) -> str:
    if item.trusted:
        return item.origin
    return f"{item.origin}, {'not in hooks' if is_address(item.key) else 'ignored'}: not trusted"


def _print_changed(ctx: Context, changed: SettingChanged) -> None:
    if changed.is_staged:
        ctx.note(staged_line([terminal.printable(os.path.relpath(changed.file, ctx.cwd))]))
    _print_left_behind(ctx, changed.left)


def _print_left_behind(ctx: Context, left: PreviousStore | None) -> None:
    if left is not None and left.objects:
        place = terminal.printable(quoted(str(left.root)))
        ctx.note(f"{terminal.count(left.objects, 'object')} stay in the previous store, {place}")
        ctx.note(f"  `dver fsck --repair --from {place}` copies the needed ones to the new store")


def _as_typed(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _settings() -> str:
    """The list of all settings in the help."""
    return "\n".join(
        f"{key}\n  {spec.doc}" + (f" ({', '.join(spec.choices)})" if spec.choices else "")
        for key, spec in BY_KEY.items()
    )


command.help = f"{cleandoc(command.help or '')}\n\nSettings:\n\n\b\n{_settings()}"
