"""Command classes and decorators: global options, examples in the help, and options that several verbs share."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import click

from dver.cli.context import Context
from dver.core.errors import UsageError
from dver.core.phrasing import quoted

if TYPE_CHECKING:
    from dver.access.addresses import DataAddress
    from dver.repo import Repository

Example: TypeAlias = tuple[str, str]
F = TypeVar("F", bound=Callable[..., Any])


def _quiet(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Context).quiet = True


def _verbose(ctx: click.Context, _param: click.Parameter, value: int) -> None:
    ctx.ensure_object(Context).verbose += value


def _change_directory(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is None or ctx.resilient_parsing:  # completion must not change the directory
        return
    try:
        os.chdir(value)
    except OSError as error:
        raise UsageError(
            f"cannot change to directory {value!r}", why=error.strerror, fix="pass an existing directory to --cd"
        ) from error


# Every command accepts these before and after the verb, and shows them in its help.
GLOBAL_OPTIONS: list[click.Parameter] = [
    click.Option(
        ["-q", "--quiet"],
        is_flag=True,
        expose_value=False,
        callback=_quiet,
        help="Print only results, warnings and errors.",
    ),
    click.Option(
        ["-v", "--verbose"], count=True, expose_value=False, callback=_verbose, help="Increase verbosity (repeatable)."
    ),
    click.Option(
        ["--cd"],
        metavar="DIR",
        expose_value=False,
        is_eager=True,
        callback=_change_directory,
        help="Change to DIR before running.",
    ),
]


class _Dver(click.Command):
    """The base of commands and groups: adds the global options, and examples to the help."""

    def __init__(self, *args: Any, examples: Sequence[Example] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.examples = examples

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        *own, last = super().get_params(ctx)
        if ctx.resilient_parsing:  # completion in a shell
            from dver.cli.completion import add_completion

            add_completion(own, verb=ctx.parent.info_name if ctx.parent else None, part=ctx.info_name)
        return [*own, *GLOBAL_OPTIONS, last]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Checked before click parses the arguments, so that usage errors are printed as JSON, too.
        if any("--json" in one.opts for one in self.params):
            ctx.ensure_object(Context).json_due = "--json" in args
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click forgets it if an option has no value
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                formatter.write_dl(list(self.examples))
        super().format_epilog(ctx, formatter)


class Command(_Dver):
    """A verb, or a subcommand such as `remote add`. Commands that act (`acts`) report nothing with `-q`."""

    def __init__(self, *args: Any, acts: bool = False, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.acts = acts

    def invoke(self, ctx: click.Context) -> Any:
        context = ctx.ensure_object(Context)
        context.silent = self.acts and context.quiet and not ctx.params.get("dry_run")
        return super().invoke(ctx)


class Group(_Dver, click.Group):
    """A verb with subcommands, listed in the order of their definition."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Click would print the whole help as its error.
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            ctx.fail(f"missing command: one of {', '.join(self.list_commands(ctx))}")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            raise _no_such_command(args[0], ctx.command_path, self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A verb whose subcommands are modules of their own: `modules` has the path of each, by name.

    Only the module of the subcommand that runs is imported.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **attributes: Any) -> None:
        self.modules = modules
        super().__init__(*args, **attributes)

    @property
    def commands(self) -> dict[str, click.Command]:
        """All subcommands, imported."""
        return {name: self._load(name) for name in self.modules}

    @commands.setter
    def commands(self, _: object) -> None:
        """Click sets what `modules` replaces."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._load(cmd_name) if cmd_name in self.modules else None

    def _load(self, name: str) -> click.Command:
        found: click.Command = importlib.import_module(self.modules[name]).command
        found.name = name
        return found


def _no_such_command(name: str, group: str, known: Sequence[str]) -> UsageError:
    from difflib import get_close_matches

    from dver.cli.dvc_hints import VERBS

    hint = VERBS.get(f"{group} {name}")
    near = get_close_matches(name, known, n=1)
    question = f"; did you mean {near[0]!r}?" if near and hint is None else ""
    return UsageError(f"no such command: {name!r}{question}", fix=hint or f"see `{group} --help`")


_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


def command(*, examples: Sequence[Example] = (), acts: bool = False) -> Callable[[Callable[..., Any]], Command]:
    """The decorator for a verb's function. `examples` are pairs of a command line and its meaning. `acts` marks
    commands whose output reports an action instead of answering a question."""
    return click.command(cls=Command, examples=examples, acts=acts, context_settings=_SETTINGS)


def lazy_group(
    *, modules: Mapping[str, str], examples: Sequence[Example] = (), cls: type[LazyGroup] = LazyGroup
) -> Callable[[Callable[..., Any]], LazyGroup]:
    """The decorator for a verb whose subcommands are the functions `command` of `modules`, by name."""
    return click.group(cls=cls, modules=modules, examples=examples, context_settings=_SETTINGS)


def group(*, examples: Sequence[Example] = (), cls: type[Group] = Group) -> Callable[[Callable[..., Any]], Group]:
    """The decorator for a verb with subcommands, each defined by `@NAME.command(...)`."""
    return click.group(cls=cls, examples=examples, context_settings=_SETTINGS)


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
exit_code_option = click.option("--exit-code", is_flag=True, help="Exit with 1 if there are differences.")

_DEFAULT_REMOTE: Final = "(default)"
"""The value of `--remote` without a name. No remote can have this name."""


@dataclass(frozen=True, slots=True)
class RemoteChoice:
    """The remote that `--remote [NAME]` selects: the one called `name`, or the default remote."""

    name: str | None

    def checked(self, repo: Repository) -> str | None:
        """Return `name` if it is a remote. Raises UsageError otherwise, with a hint if `name` is a path."""
        if self.name is not None and self.name not in repo.config.remote_names:
            command = click.get_current_context().command_path
            if os.path.lexists(self.name):
                raise self._is_path(command, repo.config.default_remote or "NAME")
            repo.config.remote_table(self.name)
        return self.name

    def _is_path(self, command: str, remote: str) -> UsageError:
        assert self.name is not None
        return UsageError(
            f"no remote is called {self.name!r}",
            why="the word after --remote is the name of a remote, and this is a path",
            fix=f"{command} --remote {remote} {quoted(self.name)}",
        )


def _remote_choice(value: str) -> RemoteChoice:
    return RemoteChoice(None if value == _DEFAULT_REMOTE else value)


def seconds_of(option: str, text: str) -> int:
    """The seconds of a duration such as `14d`, the value of `option`. Raises UsageError."""
    from dver.config.schema import parse_duration

    if not re.fullmatch(r"[0-9]{1,6}[mhdw]", text):
        raise UsageError(
            f"invalid value for {option}: {text!r}",
            why="expected a number and m, h, d or w",
            fix=f"such as {option} 14d",
        )
    return parse_duration(text)


def remote_option(text: str) -> Callable[[F], F]:
    """`-r NAME` of verbs that always use a remote, passed as `remote`; `text` is its help."""
    return click.option("-r", "--remote", metavar="NAME", help=text)


def remote_choice_option(text: str) -> Callable[[F], F]:
    """`-r [NAME]` of verbs that use the store without it: passed as `remote`, a RemoteChoice or None."""
    return click.option(
        "-r",
        "--remote",
        type=_remote_choice,
        is_flag=False,
        flag_value=_DEFAULT_REMOTE,
        metavar="[NAME]",
        help=text,
    )


def data_address(paths: Sequence[str], rev: str | None) -> DataAddress | None:
    """The only one of `paths` if it is `REPO@REV:PATH` or `@REV:PATH`; None for paths of this project."""
    if len(paths) != 1 or "@" not in paths[0] or os.path.lexists(paths[0]):
        return None
    from dver.access.addresses import DataAddress  # only for such an argument

    address = DataAddress.parse(paths[0])
    if address is not None and rev is not None:
        raise UsageError(f"--rev {rev} and {paths[0]!r} name two revisions", fix="leave one of them out")
    return address


def repository_path(repo: str, path: str | None, rev: str | None) -> tuple[str, str, str | None]:
    """Repository, path and revision of the arguments REPO [PATH] and --rev; REPO may be `REPO@REV:PATH`."""
    from dver.access.addresses import DataAddress  # only for commands that have these arguments

    address = DataAddress.parse(repo) if path is None else None
    if address is None or address.repo is None:
        return repo, path or "", rev
    if rev is not None and address.rev is not None and rev != address.rev:
        raise UsageError(f"--rev {rev} and {repo!r} name two revisions", fix="leave one of them out")
    return address.repo, address.path, rev or address.rev


def scope_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--rev`, `--all-branches`, `--all-tags`, `--all-commits`: passed as `scope`, a RevisionScope."""

    @wraps(function)
    def inner(*args: Any, rev: str | None, all_branches: bool, all_tags: bool, all_commits: bool, **named: Any) -> Any:
        from dver.tracking.revision_scope import RevisionScope  # only for commands that have these options

        return function(*args, scope=RevisionScope(rev, all_branches, all_tags, all_commits), **named)

    return with_options(
        inner,
        click.option("--rev", metavar="REV", help="Use the data of commit REV instead of the current data."),
        click.option("--all-branches", is_flag=True, help="Use the data at the tips of all branches."),
        click.option("--all-tags", is_flag=True, help="Use the data of all tags."),
        click.option("--all-commits", is_flag=True, help="Use the data of all commits."),
    )


def transfer_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`scope_options`, `-r`, `-j`, `--dry-run` and `--run-cache`: passed as `transfer`, a TransferOptions."""

    @wraps(function)
    def inner(*args: Any, scope: Any, remote: str | None, jobs: int | None, **named: Any) -> Any:
        from dver.sharing.transfer_options import TransferOptions  # only for commands that have these options

        chosen = TransferOptions(scope, remote, jobs, named.pop("run_cache"), named.pop("dry_run"))
        return function(*args, transfer=chosen, **named)

    return scope_options(
        with_options(
            inner,
            remote_option("Use remote NAME instead of the default remote."),
            click.option("-j", "--jobs", type=click.IntRange(1, 256), metavar="N", help="Run N transfers in parallel."),
            click.option("--dry-run", is_flag=True, help="Show what would be transferred without transferring it."),
            click.option("--run-cache", is_flag=True, help="Also transfer the run cache."),
        )
    )


def with_options(function: F, *options: Callable[[F], F]) -> F:
    """Decorate `function` so that its help lists `options` in this order."""
    for option in reversed(options):
        function = option(function)
    return function


def form_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`, `--md`, `--csv`: passed as `form`, which is `table` without them."""

    @wraps(function)
    def inner(*args: Any, as_json: bool, as_md: bool, as_csv: bool, **named: Any) -> Any:
        chosen = [form for form, wanted in (("json", as_json), ("md", as_md), ("csv", as_csv)) if wanted]
        if len(chosen) > 1:
            raise UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other", fix="give one of them")
        return function(*args, form=chosen[0] if chosen else "table", **named)

    return with_options(
        inner,
        json_option,
        click.option("--md", "as_md", is_flag=True, help="Print the result as a Markdown table."),
        click.option("--csv", "as_csv", is_flag=True, help="Print the result as CSV, with all digits."),
    )
