"""`dver repro`: run stages that are out of date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_backups, warn_about_secrets
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.cli.render.pipelines.reasons import step_json, step_lines
from dver.cli.render.pipelines.repro_summary import summary_lines
from dver.cli.render.pipelines.running_stages import RunPrompt, watch_stages
from dver.cli.render.quality.failed_checks import warn_about_checks
from dver.core.errors import StageError
from dver.core.phrasing import join_limited, quoted
from dver.pipelines.engine.plan import Intent, StagePlan
from dver.pipelines.execution.output_backup import BackedUpOutput
from dver.pipelines.execution.repro import ReproOptions, ReproResult, plan_repro, repro
from dver.repo import Repository

_NAMED: Final = 3
"""Advice names at most this many outputs in a command."""


@options.command(
    examples=[
        ("dver repro", "Bring all stages up to date."),
        ("dver repro train -j 4", "Run train and its upstream stages, four at once."),
        ("dver repro --dry-run", "Show the stages that would run, and why."),
    ]
)
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Run stages in parallel.")
@click.option("-f", "--force", is_flag=True, help="Also run stages that are up to date.")
@click.option("-s", "--single-item", is_flag=True, help="Run only the targets, without their upstream stages.")
@click.option("--downstream", is_flag=True, help="Run the targets and all their downstream stages.")
@click.option("-k", "--keep-going", is_flag=True, help="After a failure, run all stages that do not depend on it.")
@click.option("-n", "--dry-run", is_flag=True, help="Show which stages would run, and why, without running them.")
@click.option("--pull", is_flag=True, help="Download missing data and cached runs from remotes.")
@click.option("--no-run-cache", is_flag=True, help="Neither use nor update the run cache.")
@click.option("--no-checks", is_flag=True, help="Record outputs without checking their data.")
@click.option("-i", "--interactive", is_flag=True, help="Ask before each stage.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    targets: tuple[str, ...],
    jobs: int,
    force: bool,
    single_item: bool,
    downstream: bool,
    keep_going: bool,
    dry_run: bool,
    pull: bool,
    no_run_cache: bool,
    no_checks: bool,
    interactive: bool,
    as_json: bool,
) -> int:
    """Run stages that are out of date.

    TARGET is a stage or an output; the default is all stages. A stage is out of date if its command, a dependency, a
    parameter or an output differs from dver.lock. If the run cache has a run with the same inputs, its outputs are
    restored instead.
    """
    choice = ReproOptions(
        targets, single_item, downstream, force, keep_going, not no_run_cache, pull, jobs, not no_checks
    )
    with Repository.open(ctx.cwd) as repo:
        if dry_run:
            _preview(ctx, repo, choice, as_json=as_json)
            return 0
        result = _run(ctx, repo, choice, interactive=interactive)
        _report(ctx, repo, result, as_json=as_json)
    if result.errors:
        raise list(result.errors.values())[-1]
    if not result.succeeded:
        raise StageError("some stages did not run")
    return 0


def _preview(ctx: Context, repo: Repository, choice: ReproOptions, *, as_json: bool) -> None:
    found = plan_repro(repo, choice, cwd=ctx.cwd, progress=ctx.progress)
    warn_about_secrets(ctx, found.secrets)
    for problem in found.problems:
        ctx.warn_about(problem)
    if as_json:
        ctx.emit_json([step_json(one) for one in found.steps])
    else:
        _print_plan(ctx, found.steps)
    _print_missed(ctx, repo, found.missed, "would run")


def _run(ctx: Context, repo: Repository, choice: ReproOptions, *, interactive: bool) -> ReproResult:
    if interactive:
        choice = replace(choice, jobs=1)  # output of another stage would disturb the question
    confirm = RunPrompt().ask if interactive else None
    backups: list[BackedUpOutput] = []
    try:
        with watch_stages(ctx, jobs=choice.jobs) as watcher:
            return repro(
                repo,
                choice,
                cwd=ctx.cwd,
                watcher=watcher,
                confirm=confirm,
                on_backup=backups.append,
                progress=ctx.progress,
            )
    finally:
        warn_about_backups(ctx, repo, backups)


def _report(ctx: Context, repo: Repository, result: ReproResult, *, as_json: bool) -> None:
    _print_missed(ctx, repo, result.missed, "ran")
    warn_about_secrets(ctx, result.secrets)
    warn_about_checks(ctx, result.checked)
    if result.damaged_runs:
        ctx.warn(f"skipped damaged run cache entries of the remote: {join_limited(result.damaged_runs)}")
    if as_json:
        ctx.emit_json({str(address): state.value for address, state in result.states.items()})
    elif not ctx.quiet:
        for line in summary_lines(result, ctx.style):
            ctx.say(line)
        has_remote = repo.config.default_remote is not None
        print_staged(ctx, repo, then=", `dver push` uploads the outputs" if has_remote else "")
        _report_not_in_git(ctx, repo, result.not_in_git)
    for error in (*result.problems, *list(result.errors.values())[:-1]):
        ctx.warn_about(error)


def _report_not_in_git(ctx: Context, repo: Repository, paths: Sequence[bytes]) -> None:
    if paths:
        names = " ".join(terminal.printable(quoted(repo.layout.shown(path))) for path in paths[:_NAMED])
        command = f"git add {names}{' …' if len(paths) > _NAMED else ''}"
        left_out = join_limited([path_text(repo, path) for path in paths])
        ctx.note(f"not in Git: {left_out}; `{command}` adds the files that `git commit` leaves out")


def _print_missed(ctx: Context, repo: Repository, missed: int, how: str) -> None:
    if missed and repo.config.default_remote is not None:
        stages = terminal.count(missed, "stage")
        ctx.note(f"{stages} {how} although cached; the outputs are missing here, `--pull` downloads them")


def _print_plan(ctx: Context, steps: tuple[StagePlan, ...]) -> None:
    todo = [one for one in steps if one.intent is not Intent.NOTHING]
    for one in todo:
        for line in step_lines(one, ctx.style, every_file=bool(ctx.verbose)):
            ctx.say(line)
    if not todo:
        ctx.say("everything is up to date" if steps else "there are no stages: dver.yaml names none")
