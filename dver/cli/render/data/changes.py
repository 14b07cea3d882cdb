"""Changes of files as text: one line for each file, or counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from dver.cli.render import terminal
from dver.core.phrasing import human_size
from dver.formats.tree import Entry, Kind
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.store.trees.compare import TreeChange

_LETTERS: Final = {"added": "A", "removed": "D", "modified": "M", "renamed": "R"}


def path_text(repo: Repository, path: bytes) -> str:
    """The data path `path` relative to the current directory, printable."""
    return terminal.printable(repo.layout.shown(path))


def change_lines(repo: Repository, changes: Iterable[TreeChange], style: terminal.Style) -> list[str]:
    """One line for each change: a letter as in `git status`, the path and sizes."""
    return [change_line(change, style, lambda path: path_text(repo, path)) for change in changes]


def change_line(change: TreeChange, style: terminal.Style, show: Callable[[bytes], str]) -> str:
    """One change as a line. `show` converts paths to text."""
    letter = _LETTERS[change.status.value]
    paint = {"A": style.green, "D": style.red}.get(letter, style.yellow)
    name = show(change.path)
    if change.old_path is not None:
        name = f"{show(change.old_path)} -> {name}"
    return f"{paint(letter)} {name}{_detail(change)}"


def _detail(change: TreeChange) -> str:
    old, new = change.old, change.new
    if old is not None and new is not None:
        if old.kind != new.kind:
            return f"  ({_kind(old)} -> {_kind(new)})"
        if old.size != new.size:
            return f"  ({human_size(old.size)} -> {human_size(new.size)})"
        return ""
    entry = new or old
    return f"  ({_size(entry)})" if entry is not None else ""


def _size(entry: Entry) -> str:
    return "empty directory" if entry.kind is Kind.DIRECTORY else human_size(entry.size)


def _kind(entry: Entry) -> str:
    return entry.kind.name.lower()
