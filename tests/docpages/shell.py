"""A shell in which a page is typed: one bash from the first command to the last."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

_END: Final = "--- end of command"


class Printed(NamedTuple):
    """What a command wrote to stdout and stderr, and its exit code."""

    text: str
    code: int


class Shell:
    """Runs commands one by one; `cd` and variables stay from one to the next. Their stdin is empty."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="surrogateescape",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bash.kill()
        self._bash.wait()
        for stream in (self._bash.stdin, self._bash.stdout):
            if stream is not None:
                stream.close()

    def run(self, command: str) -> Printed:
        """Run `command` to its end. Raises AssertionError if the shell itself ends."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n{_END} %d\\n' $?\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(_END):
                return Printed("".join(lines).removesuffix("\n"), int(line.removeprefix(_END)))
            lines.append(line)
        raise AssertionError(f"the shell ended in: {command}\n{''.join(lines)}")
