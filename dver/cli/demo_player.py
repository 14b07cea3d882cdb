"""Plays the sessions of `dver demo`. examples/README.md describes the format of a session."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from string import Template

from dver.cli.context import Context
from dver.core.errors import DverError


def play(ctx: Context, example: Path, root: Path) -> None:
    """Play the session of `example` in the directory `root`. Raises DverError if a command fails."""
    player = _Player(ctx, example, root)
    for line in (example / "session.txt").read_text(encoding="utf-8").splitlines():
        player.play(line)


class _Player:
    def __init__(self, ctx: Context, example: Path, root: Path) -> None:
        self._ctx = ctx
        self._example = example
        self._root = root
        self._cwd = root
        self._env = _environment(root)

    def play(self, line: str) -> None:
        style = self._ctx.style
        marker, _, rest = line.partition(" ")
        match marker:
            case "":
                pass
            case "#":
                self._ctx.say(f"\n{style.bold(line)}\n")
            case "…":
                self._ctx.say(style.dim(f"  {line}"))
            case "cd":
                self._cwd = self._root / rest
            case "@":
                self._run(rest)
            case _:
                if marker == "diff" and not shutil.which("diff"):  # small systems have Git only
                    line = f"git diff --no-index {line.removeprefix('diff -r ')}"
                self._ctx.say(f"{style.cyan(self._cwd.name + '$')} {style.bold(line)}")
                self._run(line)

    def _run(self, line: str) -> None:
        program, *arguments = shlex.split(Template(line).safe_substitute(EXAMPLE=shlex.quote(str(self._example))))
        command = {"dver": [sys.executable, "-P", "-m", "dver"], "python": [sys.executable]}.get(program, [program])
        try:
            code = self._print_output([*command, *arguments])
        except FileNotFoundError as error:
            raise DverError(f"{program} is not installed", fix=f"install {program}") from error
        if code:
            raise DverError(f"the demo stopped: `{line}` ended with exit code {code}", why="see its output above")

    def _print_output(self, command: list[str]) -> int:
        process = subprocess.Popen(
            command,
            cwd=self._cwd,
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
    """The environment of the session: a fixed author and date, and none of the user's settings."""
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
        "DVER_HOOKS_INSTALL": "false",  # hooks would run some of the commands that the session shows
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "XDG_CONFIG_HOME": os.fspath(root / "no-settings"),
        # Stages that run `python` get this interpreter, which has the packages that they need.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",  # keeps messages and results in the order in which they were printed
    }
