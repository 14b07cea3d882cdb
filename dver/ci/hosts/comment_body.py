"""The text of a comment: its hidden key, and Markdown without mentions and commands. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dver.core.errors import UsageError

DEFAULT_KEY: Final = "report"
_KEY: Final = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")
_KEY_MAX: Final = 64
_MARK: Final = re.compile(r"<!-- dver report key=([A-Za-z0-9._-]+) run=([0-9]{1,18}) -->")
_MENTION: Final = re.compile(r"(?<![A-Za-z0-9_])@(?=[A-Za-z0-9_])")
_COMMAND: Final = re.compile(r"^/", re.MULTILINE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BREAK: Final = "\u200b"
"""A zero-width space, which ends a mention where it begins."""
_CLOSING: Final = 200
"""Characters for the number of lines, and for what closes code blocks and details."""
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")


@dataclass(frozen=True, slots=True)
class CommentMark:
    """The first line of a comment, which readers do not see: by it, dver finds its comment again."""

    key: str
    run: int

    def __str__(self) -> str:
        return f"<!-- dver report key={self.key} run={self.run} -->"

    @classmethod
    def parse(cls, body: str) -> CommentMark | None:
        """The mark of a comment with this `body`. A mark further down is a quotation."""
        found = _MARK.match(body)
        return cls(found[1], int(found[2])) if found else None


def check_key(key: str) -> None:
    """Raise UsageError unless a mark can hold `key`."""
    if len(key) > _KEY_MAX or not _KEY.fullmatch(key):
        raise UsageError(
            f"invalid key: {key!r}",
            why=f"a key has at most {_KEY_MAX} letters and digits, with single dots, hyphens or underscores between",
            fix=f"such as --key {DEFAULT_KEY}-train",
        )


def harmless(text: str) -> str:
    """`text` without mentions of users, without quick actions of GitLab, and without control characters.

    Names of data may look like either, and a report of a fork may try both.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _COMMAND.sub(r"\\/", _MENTION.sub(f"@{_BREAK}", _CONTROL.sub("", text)))


def shortened(text: str, limit: int, rest: str, *, length: Callable[[str], int] | None = None) -> str:
    """`text`, cut at the end of a line if its `length` is above `limit`. `rest` says where all of it is."""
    length = length or length_of
    if length(text) <= limit:
        return text
    lines = text.splitlines(keepends=True)
    note = "\n\n**Shortened:** the first {} of " + f"{len(lines):,} lines are shown. {rest}\n"
    room, kept = limit - length(note) - _CLOSING, 0
    for line in lines:
        room -= length(line)
        if room < 0:
            break
        kept += 1
    shown = "".join(lines[:kept])
    return shown.rstrip("\n") + _closed(shown) + note.format(f"{kept:,}")


def length_of(text: str) -> int:
    """The length that hosts limit: in units of UTF-16, of which some characters need two."""
    return len(text) + sum(1 for one in text if ord(one) > 0xFFFF)


def _closed(text: str) -> str:
    """What closes the code block and the details that are open at the end of `text`."""
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if found is None:
            continue
        if not fence:
            fence = found[1]
        elif found[1].startswith(fence) and not found[2].strip():
            fence = ""
    opened = max(0, min(10, text.count("<details") - text.count("</details>")))
    return (f"\n{fence}" if fence else "") + "\n\n</details>" * opened
