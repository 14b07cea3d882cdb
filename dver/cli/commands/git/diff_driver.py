"""`dver diff-driver`: compare two versions of a pointer. Git runs it (gitattributes(5), `diff.dver.command`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.errors import error_line
from dver.cli.render import terminal
from dver.cli.render.data.changes import change_line
from dver.core.errors import DverError
from dver.git.git_repo import GitRepo, discover, run
from dver.ops.git.diff_driver import diff_pointer
from dver.store.trees.compare import change_summary


@options.command()
@click.argument("path")
@click.argument("sides", nargs=-1, metavar="OLD-FILE OLD-HEX OLD-MODE NEW-FILE NEW-HEX NEW-MODE")
@click.pass_obj
def command(ctx: Context, *, path: str, sides: tuple[str, ...]) -> None:
    """Show the files that differ between two versions of a pointer.

    Git runs this command. With PATH alone, the pointer has a merge conflict.
    """
    if len(sides) < 6:
        ctx.say(f"* Unmerged pointer {terminal.printable(path)}")
        return
    new_path = sides[6] if len(sides) > 6 else path  # the name after a rename
    old, new = _read(sides[0]), _read(sides[3])
    ctx.say(_heading(path, new_path, old, new))
    try:
        git = discover(ctx.cwd)
        changes = diff_pointer(git, os.fsencode(new_path), old, new)
    except DverError as error:
        ctx.say(f"(cannot list the changed files: {error_line(error)}; `dver fetch` may download the lists)")
        changes = None
    else:
        if changes is not None:
            style = terminal.Style(enabled=_wants_color(git))
            for change in changes:
                ctx.say(change_line(change, style, terminal.printable))
            ctx.say(change_summary(changes))
    if changes is None:
        for text in _text_diff(path, new_path, old, new):
            ctx.say(text)


def _read(file: str) -> bytes | None:
    return None if file == os.devnull else Path(file).read_bytes()


def _heading(path: str, new_path: str, old: bytes | None, new: bytes | None) -> str:
    left = "/dev/null" if old is None else f"a/{terminal.printable(path)}"
    right = "/dev/null" if new is None else f"b/{terminal.printable(new_path)}"
    return f"diff --dver {left} {right}"


def _wants_color(git: GitRepo) -> bool:
    """Whether Git itself would use colours. Its output and ours go to the same terminal or pager."""
    if os.environ.get("NO_COLOR"):
        return False
    seen = terminal.is_terminal(sys.stdout) or os.environ.get("GIT_PAGER_IN_USE") == "true"
    answer = run(git, ["config", "--get-colorbool", "color.diff", "true" if seen else "false"], ok=(0, 1))
    return answer.strip() == b"true"


def _text_diff(path: str, new_path: str, old: bytes | None, new: bytes | None) -> Iterator[str]:
    """The diff of the pointers as text, for equal data or data that cannot be compared."""
    from difflib import unified_diff

    before, after = ([] if side is None else os.fsdecode(side).splitlines() for side in (old, new))
    for text in unified_diff(before, after, f"a/{path}", f"b/{new_path}", lineterm=""):
        yield terminal.one_line(text)
