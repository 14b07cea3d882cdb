"""`dver import-url`: track a copy of the files at a URL."""

from __future__ import annotations

from functools import partial

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_ignored_settings
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.cli.render.data.checkout import exit_code_of, print_restored
from dver.cli.render.data.transfers import amount_text
from dver.cli.render.quality.failed_checks import note_skipped_checks, warn_about_checks, warning_about_checks
from dver.core.phrasing import human_size
from dver.formats.pointer import Pointer
from dver.ops.share.import_url import ImportUrlResult, PointerOptions, import_url
from dver.remote.urls.url_info import shown
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver import-url s3://bucket/raw data/raw", "Import a directory of a bucket."),
        ("dver import-url https://example.org/labels.csv", "Import a file from a web server."),
        ("dver import-url --to-remote s3://bucket/huge", "Copy it to the remote without storing it on this machine."),
        ("dver import-url --no-download s3://bucket/huge", "Record what is there without downloading it."),
    ],
)
@click.argument("url")
@click.argument("out", required=False)
@click.option("--no-download", is_flag=True, help="Record size and fingerprint only; `dver update` downloads the data.")
@click.option("--to-remote", is_flag=True, help="Upload the data to the remote while it is read; store nothing here.")
@click.option("--desc", metavar="TEXT", help="Write a description into the pointer.")
@click.option("-f", "--force", is_flag=True, help="Replace tracked data and existing files at OUT.")
@click.option("--no-checks", is_flag=True, help="Import data without checking it.")
@options.remote_option("The remote of this data, instead of the default remote.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    url: str,
    out: str | None,
    no_download: bool,
    to_remote: bool,
    desc: str | None,
    force: bool,
    no_checks: bool,
    remote: str | None,
    as_json: bool,
) -> int:
    """Track a copy of the files at a URL.

    URL is a file or directory: s3://, https://, a path, or any protocol of remotes. Stores its content, checks it out
    at OUT (default: the last part of URL), and writes a pointer that names the URL. `dver update` compares the data
    with the source later. Data that fails a critical check is refused.
    """
    with Repository.open(ctx.cwd) as repo:
        warn_about_ignored_settings(ctx, repo)
        with warning_about_checks(ctx):
            result = import_url(
                repo,
                url,
                out,
                cwd=ctx.cwd,
                options=PointerOptions(remote, desc, checks=not no_checks),
                download=not no_download,
                to_remote=to_remote,
                force=force,
                progress=ctx.progress,
            )
        warn_about_checks(ctx, result.checked)
        if as_json:
            ctx.emit_json(result)
        else:
            _print_result(ctx, repo, url, result)
    return exit_code_of(result.restored) if result.restored is not None else 0


def _print_result(ctx: Context, repo: Repository, url: str, result: ImportUrlResult) -> None:
    place, source = path_text(repo, result.path), terminal.printable(shown(url))
    pointer = result.pointer
    if not isinstance(pointer, Pointer):
        size = "unknown size" if pointer.size is None else human_size(pointer.size)
        ctx.say(f"recorded {place} from {source}  ({size}, not downloaded)")
        print_staged(ctx, repo, then=", `dver update` downloads the data")
        return
    note_skipped_checks(ctx, repo, result.path, pointer)
    if result.sent is not None:
        where = f"{result.sent.remote} ({terminal.printable(result.sent.url)})"
        amount = amount_text(pointer.files, pointer.size)
        ctx.say(f"imported {place} from {source} to {where}  ({amount}, {human_size(result.sent.size)} uploaded)")
        print_staged(ctx, repo, then=", `dver pull` downloads the data")
        return
    size = (
        f"{terminal.count(pointer.files, 'file')}, {human_size(pointer.size)}, {human_size(result.received)} downloaded"
    )
    ctx.say(f"imported {place} from {source}  ({size})")
    if result.restored is not None and (result.restored.kept or result.restored.lost):
        print_restored(ctx, result.restored, shown=partial(path_text, repo))
    print_staged(ctx, repo, then=", `dver push` uploads the data")
