"""`dver status`: show changed data and stages that are out of date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Final

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import warn_about_ignored_settings
from dver.cli.render.data.changes import change_lines, path_text
from dver.cli.render.terminal import count, printable
from dver.core.phrasing import quoted
from dver.formats.tree import Kind
from dver.ops.inspect.status import PathStatus, StatusReport, status
from dver.repo import Repository
from dver.store.trees.compare import change_summary
from dver.tracking.availability import RemoteQuery
from dver.tracking.targets import SUFFIX
from dver.workspace.state.data_state import DataState

_STAGED: Final = "Staged for commit"
_MOST: Final = 20
"""Without -v, list at most this many stages."""


@options.command(
    examples=[
        ("dver status", "Show a summary of all changes."),
        ("dver status -v data/", "List every changed file of data/."),
        ("dver status train", "Show whether the stage train and its outputs are up to date."),
        ("dver status --remote", "Ask the remote which data it has."),
        ("dver status --exit-code", "Exit with 1 if anything changed."),
    ]
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@options.remote_choice_option("Ask the remote NAME, or the data's own remote, which data it has.")
@options.exit_code_option
@options.json_option
@click.pass_obj
def command(
    ctx: Context, *, paths: tuple[str, ...], remote: options.RemoteChoice | None, exit_code: bool, as_json: bool
) -> int:
    """Show changed data and stages that are out of date.

    Compares the pointers and locks in HEAD, in the index and on disk with the data, and lists the stages that are out
    of date with their reasons. Without `--remote`, dver uses no network and reports the remote as of the last push,
    fetch or pull. `--remote` costs one list request.

    PATH may also be a stage. With paths, lists the stages that read or write them.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        asked = None if remote is None else RemoteQuery(remote.checked(repo))
        report = status(repo, paths, cwd=ctx.cwd, asked=asked, progress=ctx.progress)
        if as_json:
            ctx.emit_json(_json(report))
        else:
            _print_result(ctx, repo, report, asked=asked is not None)
        for problem in report.problems:
            ctx.warn("\n".join(part for part in (problem.what, problem.why and f"why: {problem.why}") if part))
        return 1 if exit_code and not report.is_clean else 0


def _print_result(ctx: Context, repo: Repository, report: StatusReport, *, asked: bool) -> None:
    for path in report.conflicts:
        ctx.say(f"conflict: {path_text(repo, path)}  (`dver resolve` lists and resolves the conflicts)")
    for title, chosen, describe in _sections(ctx, repo, asked=asked):
        paint = ctx.style.green if title.startswith(_STAGED) else ctx.style.red
        _list(ctx, title, [line for one in report.paths if chosen(one) for line in _painted(describe(one), paint)])
    _list(ctx, "Not downloaded (`dver update`)", [path_text(repo, path) for path in report.not_downloaded])
    links = [ctx.style.red(path_text(repo, path)) for path in report.foreign_links]
    _list(ctx, "Links into another store (`dver checkout` recreates them)", links)
    _print_stages(ctx, report)
    if report.not_checked:
        outside = count(len(report.not_checked), "dependency", "dependencies")
        ctx.note(f"{outside} outside of the repository not checked; `dver repro --dry-run` checks")
    if report.is_clean and not (report.paths or report.not_downloaded):
        ctx.say("no tracked data; `dver add PATH` tracks PATH")
    elif report.is_clean:
        ctx.say("data is clean")


def _painted(lines: Iterable[str], paint: Callable[[str], str]) -> Iterator[str]:
    """The lines of a path. The first one gets a colour; lines of files have their own."""
    for number, line in enumerate(lines):
        yield line if number else paint(line)


def _list(ctx: Context, title: str, lines: Sequence[str]) -> None:
    if lines:
        ctx.say(f"{title}:")
        ctx.listing([f"  {line}" for line in lines])


def _print_stages(ctx: Context, report: StatusReport) -> None:
    if not report.stages:
        return
    from dver.cli.render.pipelines.reasons import step_lines  # slow: it imports the pipeline modules

    for title, frozen in (
        ("Stages out of date (`dver repro`)", False),
        ("Frozen and out of date (`dver unfreeze`)", True),
    ):
        steps = [one for one in report.stages if one.is_frozen is frozen]
        if steps:
            ctx.say(f"{title}:")
        for step in steps if ctx.verbose else steps[:_MOST]:
            for line in step_lines(step, ctx.style, every_file=bool(ctx.verbose)):
                ctx.say(f"  {line}")
        if len(steps) > _MOST and not ctx.verbose:
            ctx.say(f"  and {count(len(steps) - _MOST, 'more stage')} (`dver status -v`)")


def _json(report: StatusReport) -> dict[str, object]:
    from dver.cli.render.pipelines.reasons import step_json

    stages = [step_json(one) for one in report.stages]
    problems = [one.what for one in report.problems]
    values = {field.name: getattr(report, field.name) for field in fields(report)}
    return values | {"stages": stages, "problems": problems}


def _source(repo: Repository, one: PathStatus) -> str:
    """The pointer, or the output with its lock."""
    if one.lock is None:
        return path_text(repo, one.path + SUFFIX)
    return f"{path_text(repo, one.path)} in {path_text(repo, one.lock)}"


Section = tuple[str, Callable[[PathStatus], bool], Callable[[PathStatus], Iterable[str]]]


def _sections(ctx: Context, repo: Repository, *, asked: bool) -> list[Section]:
    recording = "`dver repro` restores them, `dver commit` records them, `dver checkout --force` discards the changes"
    pushing = "" if asked else ", as of the last transfer; `dver status --remote` checks"

    def name(one: PathStatus) -> list[str]:
        return [path_text(repo, one.path)]

    def pointer(state: Callable[[PathStatus], object]) -> Callable[[PathStatus], list[str]]:
        return lambda one: [f"{getattr(state(one), 'value', '')}: {_source(repo, one)}"]

    return [
        (f"{_STAGED} (`git commit`)", lambda one: one.staged is not None, pointer(lambda one: one.staged)),
        ("Not staged (`git add`)", lambda one: one.unstaged is not None, pointer(lambda one: one.unstaged)),
        (
            "Data changed (`dver add -u` records it, `dver checkout --force` discards it)",
            lambda one: one.data is DataState.MODIFIED and one.stage is None,
            lambda one: _modified(ctx, repo, one),
        ),
        (
            f"Outputs changed ({recording})",
            lambda one: one.data is DataState.MODIFIED and one.stage is not None,
            lambda one: _modified(ctx, repo, one),
        ),
        *_out_of_date(ctx, repo, "pull", in_store=False),
        *_out_of_date(ctx, repo, "checkout", in_store=True),
        ("Not in the workspace (`dver pull`)", lambda one: _is_absent(one) and not one.in_store, name),
        ("Not in the workspace (`dver checkout`)", lambda one: _is_absent(one) and one.in_store, name),
        ("Partly in the workspace", lambda one: one.partial, lambda one: _partial(repo, one)),
        ("Not in the store (`dver fetch`)", _is_to_be_fetched, name),
        (f"Not on the remote (`dver push`{pushing})", lambda one: one.on_remote is False, name),
    ]


def _is_absent(one: PathStatus) -> bool:
    return one.data is DataState.ABSENT


def _is_to_be_fetched(one: PathStatus) -> bool:
    """Whether data is missing in the store only. `dver pull` lists data that it brings to the workspace."""
    return not (one.in_store or one.partial or one.data in (DataState.OUT_OF_DATE, DataState.ABSENT))


def _out_of_date(ctx: Context, repo: Repository, verb: str, *, in_store: bool) -> Iterator[Section]:
    """Data whose pointer or lock changed. `verb` gets the recorded version."""

    def chosen(state: DataState, *, output: bool) -> Callable[[PathStatus], bool]:
        return lambda one: one.data is state and one.in_store is in_store and (one.stage is not None) is output

    def edited(one: PathStatus) -> list[str]:
        return _modified(ctx, repo, one)

    def is_out_of_date(one: PathStatus) -> bool:
        return one.data is DataState.OUT_OF_DATE and one.in_store is in_store

    options = f"`dver {verb}` updates the files that you did not edit, `dver {verb} --force PATH` discards the edits"
    pointer = f"Edited from another version than the pointer's ({options}, `dver add --force PATH` records the data)"
    lock = f"Outputs edited from another version than the lock's ({options})"
    yield f"Out of date (`dver {verb}`)", is_out_of_date, lambda one: [path_text(repo, one.path)]
    yield pointer, chosen(DataState.DIVERGED, output=False), edited
    yield lock, chosen(DataState.DIVERGED, output=True), edited


def _partial(repo: Repository, one: PathStatus) -> list[str]:
    argument = printable(quoted(repo.layout.shown(one.path)))
    return [f"{path_text(repo, one.path)}  (`dver pull {argument}` downloads the rest)"]


def _is_link(one: PathStatus) -> bool:
    now = (change.new for change in one.changes or () if change.path == one.path)
    return any(entry is not None and entry.kind is Kind.SYMLINK for entry in now)


def _modified(ctx: Context, repo: Repository, one: PathStatus) -> list[str]:
    name = path_text(repo, one.path)
    if _is_link(one):
        skipped = ", which `dver add -u` skips" if one.stage is None else ""
        return [f"{name}  (replaced by a symbolic link{skipped})"]
    if one.changes is None:
        return [f"{name}  (a directory listing is not in the store; `dver diff` downloads it and shows the changes)"]
    head = f"{name}  ({change_summary(one.changes)})"
    if not ctx.verbose:
        return [head]
    return [head, *(f"  {line}" for line in change_lines(repo, one.changes, ctx.style))]
