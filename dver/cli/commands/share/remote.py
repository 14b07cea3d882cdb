"""`dver remote`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged
from dver.cli.render import terminal
from dver.ops.share import remote
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.remote.probe import Examined, RegisteredRepository

_local = click.option(
    "--local", is_flag=True, help="In this clone's own file, which Git never sees: the place for secrets."
)


@options.group(
    examples=[
        ("dver remote add -d origin s3://bucket/prefix", "Push to a bucket from now on."),
        ("dver remote add usb /media/usb/dver", "A folder is a remote, too."),
        ("dver remote check", "Can it be reached, and written to?"),
    ]
)
def command() -> None:
    """Manage remotes.

    A remote is a folder, a bucket (s3://bucket/prefix), or any URL that fsspec knows. Its settings are shared through
    Git in .dver/config.toml; secrets are kept in this clone only (--local).
    """


@command.command(
    name="add",
    acts=True,
    examples=[
        ("dver remote add -d origin s3://bucket/prefix", "The default remote."),
        ("dver remote add nas ../share", "A folder, relative to the project's root."),
    ],
)
@click.argument("name")
@click.argument("url")
@click.option("-d", "--default", is_flag=True, help="Use it where no remote is named.")
@_local
@click.pass_obj
def add_command(ctx: Context, *, name: str, url: str, default: bool, local: bool) -> None:
    """Add a remote. Nothing is sent to it yet."""
    with Repository.open(ctx.cwd) as repo:
        added = remote.add(repo, name, url, default=default, scope="local" if local else "project")
        chosen = remote.default(repo)
        ctx.say(f"added the remote {_described(added)}")
        if not added.default:
            now = f"{chosen.name} stays the default" if chosen else "none of the remotes is the default"
            ctx.note(f"{now}; `dver remote default {name}` makes it this one")
        print_staged(ctx, repo)


@command.command(name="list", examples=[("dver remote list", "Names and urls; * marks the default one.")])
@options.json_option
@click.pass_obj
def list_command(ctx: Context, *, as_json: bool) -> None:
    """List the remotes."""
    with Repository.open(ctx.cwd) as repo:
        remotes = remote.listed(repo)
    if as_json:
        ctx.emit_json(remotes)
    elif not remotes:
        ctx.note("no remote is set up; `dver remote add -d origin URL` adds one")
    else:
        ctx.table(
            ("*" if one.default else " ", ctx.style.cyan(one.name), terminal.printable(one.url or "(no url)"))
            for one in remotes
        )


@command.command(
    name="set",
    examples=[
        ("dver remote set origin endpoint_url https://minio.example.org", "A server of your own."),
        ("dver remote set --local origin secret_access_key -", "Read a secret from the terminal."),
    ],
)
@click.argument("name")
@click.argument("key")
@click.argument("value")
@_local
@click.pass_obj
def set_command(ctx: Context, *, name: str, key: str, value: str, local: bool) -> None:
    """Change one setting of a remote.

    `dver config --help` lists the settings. A VALUE of - is read from the standard input, and stays out of your
    shell's history.
    """
    if value == "-":
        value = _read_value(key)
    with Repository.open(ctx.cwd) as repo:
        remote.change(repo, name, key, value, scope="local" if local else "project")
        ctx.note(f"set {key} of the remote {name}")
        print_staged(ctx, repo)


@command.command(name="remove", acts=True, examples=[("dver remote remove usb", "Forget it; what lies there stays.")])
@click.argument("name")
@options.json_option
@click.pass_obj
def remove_command(ctx: Context, *, name: str, as_json: bool) -> None:
    """Forget a remote. The data on it stays."""
    with Repository.open(ctx.cwd) as repo:
        removed = remote.remove(repo, name)
        if as_json:
            ctx.emit_json(removed)
            return
        ctx.say(f"removed the remote {name}; the data on it stays")
        for path in removed.pointers:
            ctx.warn(f"{terminal.printable(path)} is still to go to the remote {name}, by its pointer or its stage")
        print_staged(ctx, repo)


@command.command(
    name="rename", acts=True, examples=[("dver remote rename origin bucket", "Call it bucket; what lies there stays.")]
)
@click.argument("old")
@click.argument("new")
@options.json_option
@click.pass_obj
def rename_command(ctx: Context, *, old: str, new: str, as_json: bool) -> None:
    """Rename a remote, with all its settings. The data on it stays."""
    with Repository.open(ctx.cwd) as repo:
        renamed = remote.rename(repo, old, new)
        if as_json:
            ctx.emit_json(renamed)
            return
        ctx.say(f"renamed the remote {old} to {new}")
        for path in renamed.pointers:
            ctx.warn(f"{terminal.printable(path)} still names the remote {old}, in its pointer or its stage")
        print_staged(ctx, repo)


@command.command(
    name="default",
    examples=[
        ("dver remote default", "Print the default remote's name."),
        ("dver remote default nas", "Make another one the default."),
    ],
)
@click.argument("name", required=False)
@_local
@click.pass_obj
def default_command(ctx: Context, *, name: str | None, local: bool) -> int | None:
    """Print the default remote, or choose it. Exits with 1 if there is none."""
    with Repository.open(ctx.cwd) as repo:
        if name is not None:
            remote.set_default(repo, name, scope="local" if local else "project")
            ctx.note(f"the default remote is {name} now")
            print_staged(ctx, repo)
            return None
        found = remote.default(repo)
    if found is None:
        ctx.note("no remote is the default; `dver remote default NAME` chooses one")
        return 1
    ctx.say(found.name)
    return None


@command.command(
    name="check",
    examples=[
        ("dver remote check", "The default remote."),
        ("dver remote check nas", "Exits with 7 if it cannot be reached or read."),
        ("dver remote check --abort-uploads", "Drop what killed pushes left there more than a day ago."),
    ],
)
@click.argument("name", required=False)
@click.option("--abort-uploads", is_flag=True, help="Drop uploads that were begun over a day ago and never completed.")
@options.json_option
@click.pass_obj
def check_command(ctx: Context, *, name: str | None, abort_uploads: bool, as_json: bool) -> None:
    """Find out what a remote can do, and how fast it is.

    Writes, reads and deletes objects of its own: a tiny one, and one of a MiB. A remote that can only be read is good
    for pull, not for push.
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
        ctx.warn("the clocks differ: S3 refuses requests from a quarter of an hour on; `timedatectl set-ntp true`")
    if found.oldest_upload is not None and found.oldest_upload > _DAY:
        ctx.warn(
            "killed pushes left uploads that may cost money: add a lifecycle rule that deletes incomplete multipart"
            " uploads, or run `dver remote check --abort-uploads`"
        )


_SKEW_SECONDS = 60.0
_DAY = 24 * 3600.0


def _capabilities(ctx: Context, found: Examined) -> list[tuple[str, str]]:
    good, bad = ctx.style.green("yes"), ctx.style.yellow("no")
    unknown = "not known: there is nothing to read yet"
    rows = [
        ("reachable", f"{good}, {1000 * found.latency:.3g} ms a request"),
        ("readable", good + _rate(found.download_rate)),
        ("writable", good + _rate(found.upload_rate) if found.writable else f"{bad}: pull works, push will not"),
    ]
    if found.writable:
        deletable = good if found.deletable else f"{bad}: push works, gc of the remote will not"
        conditional = good if found.conditional_put else f"{bad}: dver looks before it writes, which is as safe"
        rows += [("deletable", deletable), ("conditional writes", conditional)]
    whole = f"{bad}: to get a part, all before it is fetched too"
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
    return "" if rate is None else f", {terminal.human_size(round(rate))} a second"


def _clock(skew: float) -> str:
    if abs(skew) < 2:
        return "agrees with this machine's"
    return f"{abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"


def _uploads(found: Examined) -> str:
    text = f"{found.unfinished:,}" if found.unfinished else "none"
    if found.oldest_upload is not None:
        age = found.oldest_upload
        text += f", the oldest begun {age / _DAY:.0f} days ago" if age > 2 * _DAY else f", begun {age / 3600:.1f} h ago"
    return text + (f"; {found.abandoned:,} dropped" if found.abandoned else "")


def _described(added: remote.Remote) -> str:
    where = f" ({terminal.printable(added.folder)})" if added.folder and str(added.folder) != added.url else ""
    mark = ", the default" if added.default else ""
    return f"{added.name}: {terminal.printable(added.url or '')}{where}{mark}"


def _read_value(key: str) -> str:
    if sys.stdin.isatty():
        value: str = click.prompt(key, hide_input=True, err=True)
        return value
    return sys.stdin.readline().rstrip("\r\n")
