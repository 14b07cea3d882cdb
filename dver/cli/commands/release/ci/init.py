"""`dver ci init`."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from dver.ci.workflows.files import WorkflowHost, gitlab_include
from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.terminal import printable
from dver.ops.ci.init import WrittenWorkflows, ci_init
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver ci init github", "Write workflows for GitHub Actions."),
        ("dver ci init gitlab --retrain", "Write jobs for GitLab CI, with one that retrains on a schedule."),
        ("dver ci init github --monitor", "Also run the monitors of dver.yaml on a schedule."),
    ],
)
@click.argument("host", type=click.Choice([one.value for one in WorkflowHost]))
@click.option("--retrain", is_flag=True, help="Also write a workflow that retrains on a schedule.")
@click.option("--monitor", is_flag=True, help="Also write a workflow that runs the monitors on a schedule.")
@click.option("-f", "--force", is_flag=True, help="Replace files with other content.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, host: str, retrain: bool, monitor: bool, force: bool, as_json: bool) -> None:
    """Write workflows for GitHub Actions or GitLab CI.

    HOST is github or gitlab. The workflows check the data, run stages that are out of date, report what a pull request
    changes, and register models after a merge. You may edit them. Their requirements and secrets follow from the
    files of the project and from its default remote.
    """
    with Repository.open(ctx.cwd) as repo:
        result = ci_init(repo, WorkflowHost(host), retrain=retrain, monitor=monitor, force=force)
        written = [repo.layout.shown(os.fsencode(path)) for path in result.written]
    if as_json:
        ctx.emit_json(result)
    else:
        _print(ctx, result, written)


def _print(ctx: Context, result: WrittenWorkflows, written: Sequence[str]) -> None:
    for path in written:
        ctx.say(f"wrote {printable(path)}")
    if not result.written:
        ctx.say("all workflows are up to date")
    if result.to_include is not None:
        ctx.note("add these lines to your .gitlab-ci.yml:")
        ctx.note(gitlab_include(result.to_include).rstrip())
    for line in _notes(result):
        ctx.note(line)


def _notes(result: WrittenWorkflows) -> list[str]:
    """What the user has to do on the host."""
    notes = []
    where = "secrets of the repository" if result.host is WorkflowHost.GITHUB else "CI/CD variables of the project"
    if result.secrets:
        notes.append(f"add the {where}: {', '.join(result.secrets)}")
    if result.host is WorkflowHost.GITLAB:
        notes.append("add the CI/CD variables GITLAB_TOKEN (posts comments) and GITLAB_PUSH_TOKEN (pushes tags)")
    if result.remote is None:
        notes.append("no remote is configured, so the check fails; `dver remote add -d origin URL` adds one")
    elif result.is_unshared_remote:
        command = f"dver remote set {result.remote} url URL"
        notes.append(
            f"the project does not name the remote {result.remote}, so jobs do not have it; `{command}` adds it"
        )
    elif result.is_local_remote:
        notes.append(f"remote {result.remote} is a directory, which only a runner on this machine can reach")
    return notes
