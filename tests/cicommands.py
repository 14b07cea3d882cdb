"""What GitHub's runner takes as commands in the output of a step. Importable from every test."""

from __future__ import annotations

import re

_COMMAND = re.compile(r"^\s*::(?P<new>[\w-]+)(?: [^:]*)?::|##\[(?P<old>[\w-]+)[^]]*\]")
"""A line that starts with `::name::`, after spaces, or has `##[name]` anywhere: actions/runner, ActionCommand.cs."""


def workflow_commands(output: str) -> list[str]:
    """The lines that are commands. `::stop-commands::TOKEN` stops them, until `::TOKEN::`."""
    found: list[str] = []
    token: str | None = None
    for line in output.splitlines():
        match = _COMMAND.search(line)
        if match is None:
            continue
        name, data = match["new"] or match["old"], line[match.end() :]
        if token is not None:
            token = None if name == token else token
        elif name == "stop-commands":
            token = data
        else:
            found.append(line)
    return found
