"""What a page of the documentation shows, in order: commands with their output, files, and steps that only tests see.

A fence is one of these:

- `console`: prompts (`$ command`) and what each command prints;
- `sh`: one command a line, whose output the page does not show;
- anything else: a file, if `<!-- file: PATH -->` or `<!-- append: PATH -->` stands before it.

`<!-- run … -->` holds commands that a reader does not see: what the page takes for granted, such as a colleague's work.
`<!-- shown: REASON -->` before a fence says why a machine cannot run it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PART: Final = re.compile(
    r"^<!-- (?P<key>run|file|append|shown)(?P<sep>:\s*|\n)(?P<note>.*?)\s*-->$"
    r"|^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_PROMPT: Final = re.compile(r"^\$ (.*)$")


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and the lines that the page shows of its output; none if the page leaves it out."""

    line: int
    text: str
    output: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A file that the reader writes."""

    line: int
    path: str
    content: str
    is_appended: bool


@dataclass(frozen=True, slots=True)
class Unrun:
    """A fence that no test runs; `reason` is empty if the page does not say why."""

    line: int
    reason: str


Step = Command | Text | Unrun


def steps(page: Path) -> Iterator[Step]:
    """All steps of a page, in order."""
    source = page.read_text()
    key, note = "", ""
    for part in _PART.finditer(source):
        line = source.count("\n", 0, part.start()) + 1
        if part["key"] == "run":
            yield Command(line, part["note"])
        elif part["key"]:
            key, note = part["key"], part["note"]
        else:
            yield from _fence(line, part["language"], _dedented(part), key, note)
            key, note = "", ""


def _dedented(part: re.Match[str]) -> str:
    return "".join(line.removeprefix(part["indent"]) for line in part["body"].splitlines(keepends=True))


def _fence(line: int, language: str, body: str, key: str, note: str) -> Iterator[Step]:
    if key == "shown":
        yield Unrun(line, note)
    elif key:
        yield Text(line, note, body, is_appended=key == "append")
    elif language == "console":
        yield from _session(line, body)
    elif language == "sh":
        yield from _script(line, body)
    else:
        yield Unrun(line, "")


def _session(start: int, body: str) -> Iterator[Command]:
    command: list[str] = []
    output: list[str] = []
    at = start
    for line, text in enumerate(body.splitlines(), start + 1):
        prompt = _PROMPT.match(text)
        if prompt is not None:
            if command:
                yield Command(at, "\n".join(command), tuple(output))
            at, command, output = line, [prompt[1]], []
        elif command[-1].endswith("\\") and not output:
            command.append(text)
        else:
            output.append(text)
    yield Command(at, "\n".join(command), tuple(output))


def _script(start: int, body: str) -> Iterator[Command]:
    command: list[str] = []
    for line, text in enumerate(body.splitlines(), start + 1):
        command.append(text)
        if text.strip() and not text.endswith("\\"):
            yield Command(line, "\n".join(command))
            command = []
