"""`dver get`: download files of another repository."""

from __future__ import annotations

import os

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.phrasing import count, human_size
from dver.ops.share.get import GetResult, get


@options.command(
    acts=True,
    examples=[
        ("dver get https://host/team/data.git images", "Download images/ of the default branch."),
        ("dver get git@host:team/data.git models/net.bin --rev v1 -o net.bin", "Download one file of v1."),
        ("dver get https://host/team/data.git@v1:images", "Name repository, revision and path in one word."),
        ("dver get ../project data/labels.csv", "Copy a file of a project on this machine."),
    ],
)
@click.argument("repo")
@click.argument("path", required=False)
@click.option("--rev", metavar="REV", help="Use this branch, tag or commit; by default the repository's HEAD.")
@click.option("-o", "--out", metavar="OUT", help="Write to OUT, or into the directory OUT/.")
@options.remote_option("Use the repository's remote NAME instead of its default remote.")
@click.option("-f", "--force", is_flag=True, help="Replace an existing file or directory.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    repo: str,
    path: str | None,
    rev: str | None,
    out: str | None,
    remote: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Download files of a repository without cloning it.

    REPO is the URL of a Git repository with dver or DVC, or a directory. PATH may be a file or a directory, tracked
    data or a file of Git; without it, all files are downloaded. No project is needed. Git transfers one commit, without
    its history and its other files. The data comes from the repository's remote and is verified.

    OUT appears when it is complete. After an error or Ctrl-C, nothing is left.
    """
    repo, path, rev = options.repository_path(repo, path, rev)
    result = get(repo, path, cwd=ctx.cwd, rev=rev, out=out, remote=remote, force=force, progress=ctx.progress)
    if as_json:
        ctx.emit_json(result)
        return
    ctx.say(_summary(result))
    if result.leading_out:
        ctx.warn(f"{count(result.leading_out, 'link')} in it may lead elsewhere on this machine")


def _summary(result: GetResult) -> str:
    what = f"{count(result.files, 'file')}, {human_size(result.size)}"
    at = f" at {result.commit[:12]}" if result.commit else ""
    return f"wrote {terminal.printable(os.path.relpath(result.out))} ({what}){at}"
