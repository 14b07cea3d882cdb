"""Parts of documents as data: paragraphs, tables, lists and pictures. Renderers make text of them.

Text that comes from the repository (names, values, messages) is always `Code` or `Prose`. Text in plain strings is
dver's own.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from dver.core.display import Displayed

CODE_MAX: Final = 200
"""The most characters of a name or value that a report shows."""


class Tone(Enum):
    """Whether a value got better or worse. Renderers add a colour to it."""

    PLAIN = "plain"
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class Code:
    """A name, value or command. Renderers never interpret it as markup."""

    text: str
    is_whole: bool = False
    """Whether it is shown in full, however long it is."""

    @property
    def shown(self) -> str:
        """The text in one line, without the end of a very long one."""
        line = one_printable_line(self.text)
        return line if self.is_whole else shortened(line)


@dataclass(frozen=True, slots=True)
class Toned:
    """Words of dver with a tone, such as `better`."""

    text: str
    tone: Tone


Inline: TypeAlias = tuple["str | Code | Toned", ...]
"""A line of text."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line of text by itself."""

    text: Inline


@dataclass(frozen=True, slots=True)
class Prose:
    """Text of several lines that a person wrote. It is shown as plain paragraphs."""

    text: str

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The paragraphs, each in one line."""
        parted = re.split(r"\n[ \t]*(?:\n[ \t]*)+", self.text.strip())
        lines = (" ".join(one.split()) for one in parted)
        return tuple(one_printable_line(one) for one in lines if one)


@dataclass(frozen=True, slots=True)
class Commands:
    """Command lines to copy."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemList:
    """A list of lines. `total` counts also those that `items` does not have."""

    items: tuple[Inline, ...]
    total: int
    title: str = ""
    """Hides the items behind this line of dver's words until the reader opens it."""
    more: Inline = ()
    """Where to find the items that are left out."""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table. `total` counts also the rows that `rows` does not have."""

    header: tuple[Inline, ...]
    rows: tuple[tuple[Inline, ...], ...]
    total: int
    right: frozenset[int] = frozenset()
    """The numbers of the columns that are aligned to the right."""
    more: Inline = ()
    """Where to find the rows that are left out."""


@dataclass(frozen=True, slots=True, repr=False)
class Picture(Displayed):
    """An image in PNG format."""

    file_name: str
    """Letters, digits, `-`, `_` and `.` only; unique in the report."""
    caption: str
    content: bytes = field(repr=False)


Block: TypeAlias = Paragraph | Prose | Commands | ItemList | ReportTable | Picture


def shortened(text: str) -> str:
    """The text, without its end if it is very long."""
    return text if len(text) <= CODE_MAX else text[: CODE_MAX - 1] + "…"


def one_printable_line(text: str) -> str:
    r"""The text in one line. Line ends and other characters that are not visible become escapes such as `\n`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # a byte of a path that is not UTF-8
        return f"\\x{os.fsencode(char)[0]:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode()
