"""`dver model get`."""

from __future__ import annotations

import os

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.phrasing import count, human_size
from dver.ops.model.get import ModelGetResult, get_model


@options.command(
    acts=True,
    examples=[
        ("dver model get https://host/team/churn.git churn#prod", "Download the model in stage prod."),
        ("dver model get git@host:team/churn.git churn@v1.2.0 -o model.pkl", "Download a version to model.pkl."),
        ("dver model get churn@latest", "Download the latest version of this project's model."),
    ],
)
@click.argument("arguments", nargs=-1, required=True, metavar="[REPO] NAME[@VERSION|#STAGE]")
@click.option("-o", "--out", metavar="OUT", help="Write to OUT, or into the directory OUT/.")
@options.remote_option("Use the repository's remote NAME instead of its default remote.")
@click.option("-f", "--force", is_flag=True, help="Replace an existing file or directory.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    arguments: tuple[str, ...],
    out: str | None,
    remote: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Download a version of a model without cloning its repository.

    REPO is the URL of a Git repository with dver, DVC or GTO, or a directory; by default this project. NAME is `churn`
    for the latest version, `churn@v1.2.0`, or `churn#prod` for the version in a stage. Git transfers the tags of this
    model and one commit, without its history and its other files. The data comes from the repository's remote. It is
    verified by its hash, and compared with the content that was registered.

    OUT appears when it is complete. After an error or Ctrl-C, nothing is left.
    """
    repo, name = _repository_and_name(arguments)
    result = get_model(repo, name, cwd=ctx.cwd, out=out, remote=remote, force=force, progress=ctx.progress)
    if as_json:
        ctx.emit_json(result)
        return
    ctx.say(_summary(result))
    if result.leading_out:
        ctx.warn(f"{count(result.leading_out, 'link')} in it may lead elsewhere on this machine")


def _repository_and_name(arguments: tuple[str, ...]) -> tuple[str | None, str]:
    match arguments:
        case (name,):
            return None, name
        case (repo, name):
            return repo, name
    raise click.UsageError(f"expected [REPO] NAME, not {len(arguments)} arguments")


def _summary(result: ModelGetResult) -> str:
    what = f"{count(result.files, 'file')}, {human_size(result.size)}"
    out = terminal.printable(os.path.relpath(result.out))
    return f"wrote {result.name} {result.version} to {out} ({what}) at {result.commit[:12]}"
