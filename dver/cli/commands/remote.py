"""`dver remote`."""

from __future__ import annotations

import sys

import click

from dver.cli import options, terminal
from dver.cli.context import Context
from dver.ops import remote
from dver.repo import Repository

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
    """Say where data is pushed to and pulled from.

    A remote is a folder, a bucket (s3://bucket/prefix), or any URL that fsspec knows. Its settings are shared through
    Git in .dver/config.toml; secrets are kept in this clone only (--local).
    """


@command.command(
    name="add",
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


@command.command(name="remove", examples=[("dver remote remove usb", "Forget it; what lies there stays.")])
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
        ctx.warn(f"the pointer of {terminal.printable(path)} still asks for the remote {name}")


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
        ("dver remote check nas", "Exits with 7 if it cannot be reached."),
    ],
)
@click.argument("name", required=False)
@options.json_option
@click.pass_obj
def check_command(ctx: Context, *, name: str | None, as_json: bool) -> None:
    """Find out whether a remote can be reached and written to.

    Writes, reads and deletes one tiny object. A remote that can only be read is good for pull, not for push.
    """
    with Repository.open(ctx.cwd) as repo:
        found = remote.check(repo, name)
    if as_json:
        ctx.emit_json(found)
        return
    good, bad = ctx.style.green("yes"), ctx.style.yellow("no")
    ctx.say(f"{ctx.style.cyan(found.name)}  {terminal.printable(found.url)}")
    ctx.table(
        [
            ("reachable", good),
            ("writable", good if found.writable else f"{bad}: pull works, push will not"),
            ("conditional writes", good if found.conditional_put else f"{bad}: dver looks before it writes"),
        ],
        indent=2,
    )


def _described(added: remote.Remote) -> str:
    where = f" ({terminal.printable(added.folder)})" if added.folder and str(added.folder) != added.url else ""
    mark = ", the default" if added.default else ""
    return f"{added.name}: {terminal.printable(added.url or '')}{where}{mark}"


def _read_value(key: str) -> str:
    if sys.stdin.isatty():
        value: str = click.prompt(key, hide_input=True, err=True)
        return value
    return sys.stdin.readline().rstrip("\r\n")
