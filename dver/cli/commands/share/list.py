"""`dver list`: list the files of another repository."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.data.repository_files import print_files
from dver.ops.share.list_files import list_files


@options.command(
    examples=[
        ("dver list https://host/team/data.git", "List the top of the default branch."),
        ("dver list https://host/team/data.git images --rev v1 --size", "List a tracked directory of v1 with sizes."),
        ("dver list https://host/team/data.git -R --tracked", "List all tracked files."),
    ]
)
@click.argument("repo")
@click.argument("path", required=False)
@click.option("--rev", metavar="REV", help="Use this branch, tag or commit; by default the repository's HEAD.")
@click.option("-R", "--recursive", is_flag=True, help="List all files below, not only one level.")
@click.option("--tracked", is_flag=True, help="List only tracked data, without files of Git.")
@click.option("--size", is_flag=True, help="Show sizes, as far as they are known without a download.")
@options.remote_option("Use the repository's remote NAME instead of its default remote.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    repo: str,
    path: str | None,
    rev: str | None,
    recursive: bool,
    tracked: bool,
    size: bool,
    remote: str | None,
    as_json: bool,
) -> None:
    """List the files of a repository without cloning it.

    Lists tracked data and files of Git together. REPO is the URL of a Git repository with dver or DVC, or
    a directory. Downloads the listings of directories of one commit, but no files. Directories end in a slash.
    """
    repo, path, rev = options.repository_path(repo, path, rev)
    with list_files(repo, path, cwd=ctx.cwd, rev=rev, remote=remote, recursive=recursive) as found:
        print_files(ctx, (info for info in found if info.tracked or not tracked), size=size, as_json=as_json)
