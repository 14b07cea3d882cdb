"""`dver remote`: manage remotes."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged
from dver.cli.render import terminal
from dver.core.phrasing import human_size
from dver.ops.share import remote
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.remote.probe import ProbeReport, RegisteredRepository

_local = click.option("--local", is_flag=True, help="Write to this clone's uncommitted config (use for secrets).")


@options.group(
    examples=[
        ("dver remote add -d origin s3://bucket/prefix", "Add a bucket, and make it the default remote."),
        ("dver remote add usb /media/usb/dver", "Add a directory."),
        ("dver remote check", "Test the default remote."),
    ]
)
def command() -> None:
    """Manage remotes.

    A remote is a directory, a bucket (s3://bucket/prefix), or any URL that fsspec supports. Git shares its settings in
    .dver/config.toml. Keep secrets in this clone's uncommitted config (--local).
    """


@command.command(
    name="add",
    acts=True,
    examples=[
        ("dver remote add -d origin s3://bucket/prefix", "Add the default remote."),
        ("dver remote add nas ../share", "Add a directory, relative to the project's root."),
    ],
)
@click.argument("name")
@click.argument("url")
@click.option("-d", "--default", is_flag=True, help="Make it the default remote.")
@_local
@click.pass_obj
def add_command(ctx: Context, *, name: str, url: str, default: bool, local: bool) -> None:
    """Add a remote, without contacting it."""
    with Repository.open(ctx.cwd) as repo:
        added = remote.add(repo, name, url, default=default, scope="local" if local else "project")
        chosen = remote.default_remote(repo)
        ctx.say(f"added the remote {_described(added)}")
        if not added.default:
            now = f"{chosen.name} stays the default" if chosen else "there is no default remote"
            ctx.note(f"{now}; `dver remote default {name}` changes that")
        print_staged(ctx, repo)


@command.command(name="list", examples=[("dver remote list", "List names and URLs; * marks the default remote.")])
@options.json_option
@click.pass_obj
def list_command(ctx: Context, *, as_json: bool) -> None:
    """List remotes."""
    with Repository.open(ctx.cwd) as repo:
        remotes = remote.list_remotes(repo)
    if as_json:
        ctx.emit_json(remotes)
    elif not remotes:
        ctx.note("no remotes; `dver remote add -d origin URL` adds one")
    else:
        ctx.table(
            ("*" if one.default else " ", ctx.style.cyan(one.name), terminal.printable(one.url or "(no URL)"))
            for one in remotes
        )


@command.command(
    name="set",
    examples=[
        ("dver remote set origin endpoint_url https://minio.example.org", "Use your own server."),
        ("dver remote set --local origin secret_access_key -", "Read a secret from the terminal."),
    ],
)
@click.argument("name")
@click.argument("key")
@click.argument("value")
@_local
@click.pass_obj
def set_command(ctx: Context, *, name: str, key: str, value: str, local: bool) -> None:
    """Change a setting of a remote.

    `dver config --help` lists the settings. With - as VALUE, reads the value from standard input, which keeps it out of
    your shell's history.
    """
    if value == "-":
        value = _read_value(key)
    with Repository.open(ctx.cwd) as repo:
        remote.change_setting(repo, name, key, value, scope="local" if local else "project")
        ctx.note(f"set {key} of the remote {name}")
        print_staged(ctx, repo)


@command.command(
    name="remove", acts=True, examples=[("dver remote remove usb", "Remove its settings; its data stays.")]
)
@click.argument("name")
@options.json_option
@click.pass_obj
def remove_command(ctx: Context, *, name: str, as_json: bool) -> None:
    """Remove a remote from the configuration. Its data stays."""
    with Repository.open(ctx.cwd) as repo:
        removed = remote.remove(repo, name)
        if as_json:
            ctx.emit_json(removed)
            return
        ctx.say(f"removed the remote {name}; the data on it stays")
        for path in removed.pointers:
            ctx.warn(f"{terminal.printable(path)} still names the remote {name} in its pointer or stage")
        print_staged(ctx, repo)


@command.command(name="rename", acts=True, examples=[("dver remote rename origin bucket", "Call it bucket.")])
@click.argument("old")
@click.argument("new")
@options.json_option
@click.pass_obj
def rename_command(ctx: Context, *, old: str, new: str, as_json: bool) -> None:
    """Rename a remote in all its settings. Its data stays."""
    with Repository.open(ctx.cwd) as repo:
        renamed = remote.rename(repo, old, new)
        if as_json:
            ctx.emit_json(renamed)
            return
        ctx.say(f"renamed the remote {old} to {new}")
        for path in renamed.pointers:
            ctx.warn(f"{terminal.printable(path)} still names the remote {old} in its pointer or stage")
        print_staged(ctx, repo)


@command.command(
    name="default",
    examples=[
        ("dver remote default", "Print the default remote's name."),
        ("dver remote default nas", "Change it."),
    ],
)
@click.argument("name", required=False)
@_local
@click.pass_obj
def default_command(ctx: Context, *, name: str | None, local: bool) -> int | None:
    """Print or set the default remote. Exits with 1 if there is none."""
    with Repository.open(ctx.cwd) as repo:
        if name is not None:
            remote.set_default(repo, name, scope="local" if local else "project")
            ctx.note(f"the default remote is now {name}")
            print_staged(ctx, repo)
            return None
        found = remote.default_remote(repo)
    if found is None:
        ctx.note("no default remote; `dver remote default NAME` sets it")
        return 1
    ctx.say(found.name)
    return None


@command.command(
    name="check",
    examples=[
        ("dver remote check", "Test the default remote."),
        ("dver remote check nas", "Exit with 7 if nas cannot be reached or read."),
        ("dver remote check --abort-uploads", "Abort uploads that killed pushes left more than a day ago."),
    ],
)
@click.argument("name", required=False)
@click.option("--abort-uploads", is_flag=True, help="Abort incomplete uploads that are older than a day.")
@options.json_option
@click.pass_obj
def check_command(ctx: Context, *, name: str | None, abort_uploads: bool, as_json: bool) -> None:
    """Test what a remote can do and how fast it is.

    Writes, reads and deletes two test objects: a tiny one and one of 1 MiB. You can pull from a read-only remote, but
    not push to it.
    """
    with Repository.open(ctx.cwd) as repo:
        checked = remote.check(repo, name, abort_uploads=abort_uploads)
    found = checked.found
    if as_json:
        ctx.emit_json({"name": checked.name, "url": checked.url, **asdict(found)})
        return
    ctx.say(f"{ctx.style.cyan(checked.name)}  {terminal.printable(checked.url)}")
    ctx.table(_capabilities(ctx, found), indent=2)
    if found.clock_skew is not None and abs(found.clock_skew) > _SKEW_SECONDS:
        ctx.warn("the clocks differ, and S3 refuses requests from 15 minutes on: run `timedatectl set-ntp true`")
    if found.oldest_upload is not None and found.oldest_upload > _DAY:
        ctx.warn(
            "killed pushes left uploads that may cost money: add a lifecycle rule that deletes incomplete multipart"
            " uploads, or run `dver remote check --abort-uploads`"
        )


_SKEW_SECONDS = 60.0
_DAY = 24 * 3600.0


def _capabilities(ctx: Context, found: ProbeReport) -> list[tuple[str, str]]:
    good, bad = ctx.style.green("yes"), ctx.style.yellow("no")
    unknown = "unknown: the remote is empty"
    rows = [
        ("reachable", f"{good}, {1000 * found.latency:.3g} ms a request"),
        ("readable", good + _rate(found.download_rate)),
        ("writable", good + _rate(found.upload_rate) if found.writable else f"{bad}: pull works, push will not"),
    ]
    if found.writable:
        deletable = good if found.deletable else f"{bad}: push works, gc of the remote will not"
        conditional = good if found.conditional_put else f"{bad}: dver checks before it writes, which is as safe"
        rows += [("deletable", deletable), ("conditional writes", conditional)]
    whole = f"{bad}: reading a part downloads everything before it"
    rows.append(("ranges", unknown if found.ranges is None else good if found.ranges else whole))
    rows.append(("indexes", f"{found.indexes:,}"))
    rows += [("repository", _repository(one)) for one in found.repositories]
    if found.clock_skew is not None:
        rows.append(("clock", _clock(found.clock_skew)))
    if found.unfinished is not None:
        rows.append(("unfinished uploads", _uploads(found)))
    return rows


def _repository(one: RegisteredRepository) -> str:
    return terminal.printable(f"{one.name}  {one.url}  {one.id}" if one.url else f"{one.name}  {one.id}")


def _rate(rate: float | None) -> str:
    return "" if rate is None else f", {human_size(round(rate))} a second"


def _clock(skew: float) -> str:
    if abs(skew) < 2:
        return "agrees with this machine's"
    return f"{abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"


def _uploads(found: ProbeReport) -> str:
    text = f"{found.unfinished:,}" if found.unfinished else "none"
    if found.oldest_upload is not None:
        age = found.oldest_upload
        text += f", the oldest begun {age / _DAY:.0f} days ago" if age > 2 * _DAY else f", begun {age / 3600:.1f} h ago"
    return text + (f"; {found.abandoned:,} aborted" if found.abandoned else "")


def _described(added: remote.Remote) -> str:
    where = f" ({terminal.printable(added.folder)})" if added.folder and str(added.folder) != added.url else ""
    mark = ", the default" if added.default else ""
    return f"{added.name}: {terminal.printable(added.url or '')}{where}{mark}"


def _read_value(key: str) -> str:
    if sys.stdin.isatty():
        value: str = click.prompt(key, hide_input=True, err=True)
        return value
    return sys.stdin.readline().rstrip("\r\n")
