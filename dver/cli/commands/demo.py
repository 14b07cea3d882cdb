"""`dver demo`: a whole session, run for real."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click

from dver.cli import options, terminal
from dver.cli.context import Context
from dver.cli.demo_data import write_first, write_second
from dver.core.errors import DverError, UsageError


@options.command(examples=[("dver demo /tmp/dver-demo", "Walk through a session, and leave it there to look at.")])
@click.argument("directory", metavar="DIR")
@click.pass_obj
def command(ctx: Context, *, directory: str) -> None:
    """Walk through a whole session in a new folder.

    Makes a Git repository with a dataset of a few hundred files in DIR, and versions it: add, push to a folder, clone,
    pull, edit, diff, go back in time. Every command that is shown is run, and `diff -r` proves at each step that what
    came back is what went in.

    DIR must be empty or not exist. Neither the network nor your settings are used.
    """
    root = Path(directory).absolute()
    _check_free(root, directory)
    root.mkdir(parents=True, exist_ok=True)
    try:
        _Session(ctx, root).play()
    except OSError as error:
        raise DverError(f"the demo cannot go on in {directory!r}", why=str(error)) from error


def _check_free(root: Path, text: str) -> None:
    if os.path.lexists(root) and not root.is_dir():
        raise UsageError(f"{text!r} is not a directory", fix="give the demo a new or empty directory")
    if root.is_dir() and any(root.iterdir()):
        raise UsageError(
            f"{text!r} is not empty",
            why="the demo could overwrite what is there",
            fix="give it a new or empty directory",
        )


class _Session:
    """Runs commands as somebody would type them, and shows them with what they print."""

    def __init__(self, ctx: Context, root: Path) -> None:
        self._ctx = ctx
        self._root = root
        self._at = root
        self._env = _environment(root)

    def play(self) -> None:
        """The whole story."""
        self._first_version()
        self._clone()
        self._second_version()
        self._back_in_time()
        self._headline("That is all. Every `diff` above was silent: each version came back bit for bit")
        self._ctx.say(f"The session is in {terminal.printable(self._root)}; go and try things in its project/.")

    def _first_version(self) -> None:
        self._headline("A project: Git for the code, dver for the data")
        self._run("git init --quiet --bare project.git")
        self._run("git clone --quiet project.git project")
        self._go("project")
        self._run("dver init")
        self._happens("a dataset arrives, and a model is trained on it", write_first)
        self._keep("v1")
        self._run("dver add data models/net.bin")
        self._run("cat data.dver")
        self._run('git commit --quiet -m "Data v1"')
        self._run("git tag v1")
        self._headline("Share it: the pointers through Git, the data through a remote. Here that is a folder")
        self._run("dver remote add -d origin ../share")
        self._run('git commit --quiet -m "Say where the data is"')
        self._run("dver push")
        self._run("git push --quiet --tags origin HEAD")

    def _clone(self) -> None:
        self._headline("A colleague clones the project, and pulls the data")
        self._go(".")
        self._run("git clone --quiet project.git colleague")
        self._go("colleague")
        self._run("dver pull")
        self._same("../kept/v1/data", "data")
        self._same("../kept/v1/models/net.bin", "models/net.bin")

    def _second_version(self) -> None:
        self._headline("The data changes")
        self._go("project")
        self._happens("pictures are retaken, added, removed and moved; the model is trained again", write_second)
        self._keep("v2")
        self._run("dver status")
        self._run("dver diff")
        self._run("dver add -u")
        self._run('git commit --quiet -m "Data v2"')
        self._run("git tag v2")
        self._run("dver push")
        self._run("git push --quiet --tags origin HEAD")
        self._run("dver status")
        self._headline("The colleague follows")
        self._go("colleague")
        self._run("git pull --quiet --ff-only")
        self._run("dver pull")
        self._same("../kept/v2/data", "data")
        self._same("../kept/v2/models/net.bin", "models/net.bin")

    def _back_in_time(self) -> None:
        self._headline("Look at v1 beside what is there")
        self._go("project")
        self._run("dver checkout v1 data --to ../old")
        self._same("../kept/v1/data", "../old/data")
        self._same("../kept/v2/data", "data")
        self._headline("Bring back the data of v1 alone; HEAD does not move")
        self._run("dver checkout v1 data")
        self._same("../kept/v1/data", "data")
        self._same("../kept/v2/models/net.bin", "models/net.bin")
        self._run("git status --short")
        self._run("dver checkout HEAD data")
        self._same("../kept/v2/data", "data")
        self._headline("Go back with code and data")
        self._run("git checkout --quiet v1")
        self._run("dver checkout")
        self._same("../kept/v1/data", "data")
        self._same("../kept/v1/models/net.bin", "models/net.bin")
        self._run("git checkout --quiet -")
        self._run("dver checkout")
        self._same("../kept/v2/data", "data")
        self._run("dver status --exit-code")

    # -- how it is told

    def _headline(self, text: str) -> None:
        self._ctx.say(f"\n{self._ctx.style.bold('# ' + text)}\n")

    def _go(self, folder: str) -> None:
        self._at = self._root / folder

    def _happens(self, what: str, change: object) -> None:
        assert callable(change)
        self._ctx.say(self._ctx.style.dim(f"  … {what}"))
        change(self._at)

    def _keep(self, version: str) -> None:
        """Put a plain copy aside, to compare with later."""
        for name in ("data", "models"):
            shutil.copytree(self._at / name, self._root / "kept" / version / name)

    def _same(self, one: str, other: str) -> None:
        # Small systems lack diff, but not Git.
        self._run(f"diff -r {one} {other}" if shutil.which("diff") else f"git diff --no-index {one} {other}")

    def _run(self, line: str) -> None:
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
        "PYTHONUNBUFFERED": "1",  # so that remarks and results come in the order in which they were printed
    }
