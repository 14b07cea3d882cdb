"""Commands of several lines: one shell runs them, so that `cd` and variables last, and stops at the first that fails.

The shell's own `-e` is not enough: it goes on after `python train.py && python plot.py` if the first of the two fails.
So the exit code is looked at between complete commands, too. Which lines make a complete command, the shell says.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Final

_CHECK: Final = "case $? in 0) ;; *) exit $? ;; esac; "


def shell_arguments(shell: str, command: str) -> list[str]:
    """How to start `shell` to run `command`."""
    if "\n" not in command:
        return [shell, "-c", command]
    # Before the next command, on its line: the line numbers in the shell's messages stay right.
    return [shell, "-e", "-c", ("\n" + _CHECK).join(_complete_commands(shell, command))]


def _complete_commands(shell: str, command: str) -> Iterator[str]:
    """The lines of `command`, those together that make one complete command."""
    waiting: list[str] = []
    for line in command.split("\n"):
        waiting.append(line)
        if _is_complete(shell, text := "\n".join(waiting)):
            yield text
            waiting.clear()
    if waiting:
        yield "\n".join(waiting)


def _is_complete(shell: str, text: str) -> bool:
    line = text.rpartition("\n")[2]
    if (len(line) - len(line.rstrip("\\"))) % 2:
        return False
    # bash only warns of a here-document without an end, other shells do not even do that.
    if "<<" in text and not shell.endswith("bash"):
        return False
    done = subprocess.run([shell, "-n", "-c", text], stdin=subprocess.DEVNULL, capture_output=True)
    return done.returncode == 0 and not done.stderr
