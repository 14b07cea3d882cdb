"""`dver import`: track a copy of data of another repository."""

from __future__ import annotations

from functools import partial

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_ignored_settings
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.cli.render.data.checkout import exit_code_of, print_restored
from dver.cli.render.quality.failed_checks import note_skipped_checks, warn_about_checks, warning_about_checks
from dver.core.phrasing import human_size
from dver.formats.pointer import Pointer
from dver.formats.pointer_source import RepositorySource
from dver.ops.share.import_data import ImportOptions, ImportResult, import_data
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver import https://host/team/data.git images", "Import images/ of the default branch."),
        ("dver import git@host:team/data.git images/train --rev v1 -o data/train", "Import a part of images/ at v1."),
        ("dver import ../project models/net.bin", "Import one file of a project on this machine."),
        ("dver import --no-push https://host/team/data.git raw", "Import data that only its source keeps."),
    ],
)
@click.argument("repo")
@click.argument("path", required=False)
@click.option("--rev", metavar="REV", help="Import this branch, tag or commit, which `dver update` then follows.")
@click.option("-o", "--out", metavar="OUT", help="Import to OUT, or into the directory OUT/.")
@click.option("--no-download", is_flag=True, help="Record the source only; `dver update` downloads the data.")
@click.option("--no-push", is_flag=True, help="Never push the data; `dver pull` downloads it from its source.")
@click.option("-f", "--force", is_flag=True, help="Replace tracked data and existing files at OUT.")
@click.option("--no-checks", is_flag=True, help="Import data without checking it.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    repo: str,
    path: str | None,
    rev: str | None,
    out: str | None,
    no_download: bool,
    no_push: bool,
    force: bool,
    no_checks: bool,
    as_json: bool,
) -> int:
    """Track a copy of data of another repository.

    REPO is the URL of a Git repository, or a directory. PATH may be a file or a directory, tracked data, a part of it,
    or files of Git. Stores the data, checks it out at OUT (default: the last part of PATH), and writes a pointer that
    names the source and its commit. `dver update` brings later versions. Data that fails a critical check is refused.
    """
    address, path, rev = options.repository_path(repo, path, rev)
    chosen = ImportOptions(push=not no_push, download=not no_download, force=force, checks=not no_checks)
    with Repository.open(ctx.cwd) as project:
        warn_about_ignored_settings(ctx, project)
        with warning_about_checks(ctx):
            result = import_data(
                project, address, path, cwd=ctx.cwd, out=out, rev=rev, options=chosen, progress=ctx.progress
            )
        warn_about_checks(ctx, result.checked)
        if as_json:
            ctx.emit_json(result)
        else:
            _print_result(ctx, project, result)
    return exit_code_of(result.restored) if result.restored is not None else 0


def _print_result(ctx: Context, repo: Repository, result: ImportResult) -> None:
    place, pointer = path_text(repo, result.path), result.pointer
    assert isinstance(pointer.source, RepositorySource)
    at = f"{terminal.printable(pointer.source.repo)} at {pointer.source.commit[:12]}"
    if not isinstance(pointer, Pointer):
        size = "" if pointer.size is None else f"{human_size(pointer.size)}, "
        ctx.say(f"recorded {place} from {at}  ({size}not downloaded)")
        print_staged(ctx, repo, then=", `dver update` downloads the data")
        return
    amount = f"{terminal.count(pointer.files, 'file')}, {human_size(pointer.size)}"
    ctx.say(f"imported {place} from {at}  ({amount}, {human_size(result.received)} downloaded)")
    note_skipped_checks(ctx, repo, result.path, pointer)
    if result.restored is not None and (result.restored.kept or result.restored.lost):
        print_restored(ctx, result.restored, shown=partial(path_text, repo))
    print_staged(ctx, repo, then=", `dver push` uploads the data" if pointer.push else "")
