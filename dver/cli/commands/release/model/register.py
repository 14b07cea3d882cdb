"""`dver model register`."""

from __future__ import annotations

import click

from dver.cli import options as shared
from dver.cli.context import Context
from dver.cli.registry_options import change_options
from dver.cli.render.models.registry_changes import print_change, registered_text
from dver.core.errors import UsageError
from dver.core.phrasing import count, join_limited
from dver.git.git_repo import GitRepo
from dver.gitflow.registry_changes import ChangeOptions
from dver.models.version_choice import VersionChoice, version_choice
from dver.ops.model.register import RegistrationResult, RegistrationSource, register, register_changed
from dver.repo import Repository


@shared.command(
    acts=True,
    examples=[
        ("dver model register churn", "Register the model of HEAD with the next version."),
        ("dver model register churn v1.2.0 --push", "Register it as v1.2.0, upload its data and push the tag."),
        ("dver model register churn --exp brave-otter", "Register the model of an experiment."),
        ("dver model register --changed --push", "Register all models that have changed, as CI does after a merge."),
    ],
)
@click.argument("name", required=False)
@click.argument("version", required=False)
@click.option("--path", metavar="PATH", help="Register PATH as NAME, without an entry in dver.yaml.")
@click.option("--rev", metavar="REV", help="Register the version of commit REV instead of HEAD.")
@click.option("--exp", metavar="EXP", help="Register the version of an experiment.")
@click.option(
    "--bump",
    type=click.Choice(["major", "minor", "patch"]),
    help="Raise this part of the version.",
)
@click.option("--changed", is_flag=True, help="Register all models that differ from their latest versions.")
@click.option("--require-checks", is_flag=True, help="Refuse a version whose data fails critical checks.")
@change_options
@click.pass_obj
def command(
    ctx: Context,
    *,
    name: str | None,
    version: str | None,
    path: str | None,
    rev: str | None,
    exp: str | None,
    bump: str | None,
    changed: bool,
    require_checks: bool,
    options: ChangeOptions,
    as_json: bool,
) -> None:
    """Register a version of a model or dataset.

    NAME is an entry of `artifacts:` in dver.yaml; in a subdirectory it is `dir:NAME`. The version is a Git tag on a
    commit, with the content, metrics and lineage of the model. By default it follows the latest one. A commit may have
    a second version if you name it.
    """
    if rev is not None and exp is not None:
        raise UsageError("--rev and --exp name two commits", fix="leave one of them out")
    artifact, choice = version_choice(name, version, bump)
    source = RegistrationSource(rev, exp, require_checks)
    if changed:
        _refuse_with_changed(choice, path)
    elif artifact is None:
        raise UsageError("no model is named", fix="name one, or register all changed ones: --changed")
    with Repository.open(ctx.cwd) as repo:
        if changed or artifact is None:
            names = [artifact] if artifact is not None else []
            result = register_changed(repo, names, source, options, progress=ctx.progress)
        else:
            result = register(repo, artifact, choice, source, options, path=path, cwd=ctx.cwd, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
        else:
            _print(ctx, repo.git, result)
    worst = max((one.error for one in result.failed), key=lambda error: error.exit_code, default=None)
    if worst is not None:
        raise worst


def _refuse_with_changed(choice: VersionChoice, path: str | None) -> None:
    if choice.is_given or path is not None:
        extra = "--path" if path is not None else "--bump" if choice.part is not None else "a version"
        raise UsageError(f"--changed and {extra} exclude each other", fix="leave one of them out")


def _print(ctx: Context, git: GitRepo, result: RegistrationResult) -> None:
    for change in result.registered:
        print_change(ctx, git, change, registered_text(change))
    for name in result.uncommitted:
        ctx.note(f"the workspace has other content of {name}; the commit was registered")
    if result.unchanged:
        ctx.note(f"{count(len(result.unchanged), 'model')} unchanged: {join_limited(list(result.unchanged))}")
    elif not result.registered and not result.failed:
        ctx.note("no dver.yaml of this commit has `artifacts:`")
    for problem in result.problems:
        ctx.warn_about(problem.error)
    for failed in result.failed:
        ctx.warn(f"{failed.artifact} is not registered: {failed.error.what}")
