"""Files of other repositories as lines, a table of sizes, or JSON."""

from __future__ import annotations

from collections.abc import Iterable

from dver.access.files import FileInfo
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.phrasing import human_size


def print_files(ctx: Context, files: Iterable[FileInfo], *, size: bool, as_json: bool) -> None:
    """Print `files`, with their sizes if `size` is set."""
    if as_json:
        ctx.emit_json(list(files))
    elif size:
        ctx.table(((_size(info), _name(ctx, info)) for info in files), right=(0,))
    else:
        for info in files:
            ctx.say(_name(ctx, info))


def _size(info: FileInfo) -> str:
    return "-" if info.size is None or (info.kind == "directory" and not info.tracked) else human_size(info.size)


def _name(ctx: Context, info: FileInfo) -> str:
    name = terminal.printable(info.path)
    return ctx.style.cyan(name + "/") if info.kind == "directory" else name
