"""Shell commands of several lines: one shell runs them all, so `cd` and variables last, and stops at the first failure.

`sh -e` is not enough: it goes on after `python train.py && python plot.py` if the first of the two fails. So the exit
code is checked between complete commands, too. The shell itself tells which lines are a complete command.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Final

_CHECK: Final = "case $? in 0) ;; *) exit $? ;; esac; "


def shell_arguments(shell: str, command: str) -> list[str]:
    """The arguments that start `shell` to run `command`."""
    if "\n" not in command:
        return [shell, "-c", command]
    # On the line of the next command, so that line numbers in the shell's messages stay right.
    return [shell, "-e", "-c", ("\n" + _CHECK).join(_complete_commands(shell, command))]


def _complete_commands(shell: str, command: str) -> Iterator[str]:
    """Split `command` into its complete commands, each of one or more lines."""
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
    # bash only warns about a here-document without an end; other shells stay silent.
    if "<<" in text and not shell.endswith("bash"):
        return False
    done = subprocess.run([shell, "-n", "-c", text], stdin=subprocess.DEVNULL, capture_output=True)
    return done.returncode == 0 and not done.stderr
