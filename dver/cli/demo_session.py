"""The sessions of `dver demo`: commands as somebody would type them, run for real, and shown with what they print."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from dver.cli.context import Context
from dver.core.errors import DverError


class Session:
    """Runs commands below the folder `root`, and shows them with what they print."""

    def __init__(self, ctx: Context, root: Path) -> None:
        self._ctx = ctx
        self._root = root
        self._at = root
        self._env = _environment(root)

    def headline(self, text: str) -> None:
        """Say what comes."""
        self._ctx.say(f"\n{self._ctx.style.bold('# ' + text)}\n")

    def go(self, folder: str) -> None:
        """Go to a folder of the session."""
        self._at = self._root / folder

    def happens(self, what: str, change: Callable[[Path], object]) -> None:
        """Somebody does `what`: `change` does it, in the folder where we are."""
        self._ctx.say(self._ctx.style.dim(f"  … {what}"))
        change(self._at)

    def keep(self, version: str) -> None:
        """Put a plain copy aside, to compare with later."""
        for name in ("data", "models"):
            shutil.copytree(self._at / name, self._root / "kept" / version / name)

    def same(self, one: str, other: str) -> None:
        """Show that two folders or files have the same content. Raises DverError if they have not."""
        # Small systems lack diff, but not Git.
        self.run(f"diff -r {one} {other}" if shutil.which("diff") else f"git diff --no-index {one} {other}")

    def run(self, line: str) -> None:
        """Show a command, run it, show what it prints. Raises DverError if it fails."""
        style = self._ctx.style
        self._ctx.say(f"{style.cyan(self._at.name + '$')} {style.bold(line)}")
        program, *arguments = shlex.split(line)
        command = [sys.executable, "-P", "-m", "dver"] if program == "dver" else [program]
        try:
            done = self._show([*command, *arguments])
        except FileNotFoundError as error:
            raise DverError(f"{program} is not installed", fix=f"install {program}") from error
        if done:
            raise DverError(f"the demo stopped: `{line}` ended with exit code {done}", why="what it printed says more")

    def _show(self, command: list[str]) -> int:
        process = subprocess.Popen(
            command,
            cwd=self._at,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="surrogateescape",
        )
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                self._ctx.say(line.rstrip("\n"))
        return process.wait()


def _environment(root: Path) -> dict[str, str]:
    """The environment of the session: a person and a time of its own, and none of the user's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVER_", "_DVER_"))}
    person = {
        f"GIT_{role}_{field}": value
        for role in ("AUTHOR", "COMMITTER")
        for field, value in (
            ("NAME", "Ada Example"),
            ("EMAIL", "ada@example.org"),
            ("DATE", "2026-01-05T10:00:00+00:00"),
        )
    }
    return {
        **kept,
        **person,
        "DVER_HOOKS_INSTALL": "false",  # it shows what each verb does, some of which Git's hooks would do before
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "XDG_CONFIG_HOME": os.fspath(root / "no-settings"),
        # What a pipeline calls `python` is this one, which has what its stages need.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",  # so that remarks and results come in the order in which they were printed
    }
