"""`dver demo`: a whole session, run for real."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dver.cli import options, terminal
from dver.cli.context import Context
from dver.cli.demo_data import write_first, write_second
from dver.cli.demo_pipeline import play_pipeline
from dver.cli.demo_session import Session
from dver.core.errors import DverError, UsageError


@options.command(examples=[("dver demo /tmp/dver-demo", "Walk through a session, and leave it there to look at.")])
@click.argument("directory", metavar="DIR")
@click.option("--pipeline", metavar="EXAMPLE", help="Run stages instead: those of examples/digits, in dver's sources.")
@click.pass_obj
def command(ctx: Context, *, directory: str, pipeline: str | None) -> None:
    """Run a complete example session in a new directory.

    Makes a Git repository with a dataset of a few hundred files in DIR, and versions it: add, push to a folder, clone,
    pull, edit, diff, go back in time. Every command that is shown is run, and `diff -r` proves at each step that what
    came back is what went in.

    With --pipeline, models are trained: what is run and why, a parameter that changes, metrics and plots before and
    after, what is restored instead of run, and from what a model came. That needs scikit-learn (`dver[examples]`) and
    `dver[plots]`.

    DIR must be empty or not exist. Neither the network nor your settings are used.
    """
    root = Path(directory).absolute()
    _check_free(root, directory)
    if pipeline is not None and not Path(pipeline, "dver.yaml").is_file():
        raise UsageError(f"there is no dver.yaml in {pipeline!r}", fix="name examples/digits of dver's sources")
    root.mkdir(parents=True, exist_ok=True)
    try:
        if pipeline is not None:
            play_pipeline(Session(ctx, root), Path(pipeline).absolute())
        else:
            _Story(Session(ctx, root)).play()
    except OSError as error:
        raise DverError(f"the demo cannot go on in {directory!r}", why=str(error)) from error
    ctx.say(f"The session is in {terminal.printable(root)}; go and try things in its project/.")


def _check_free(root: Path, text: str) -> None:
    if os.path.lexists(root) and not root.is_dir():
        raise UsageError(f"{text!r} is not a directory", fix="give the demo a new or empty directory")
    if root.is_dir() and any(root.iterdir()):
        raise UsageError(
            f"{text!r} is not empty",
            why="the demo could overwrite what is there",
            fix="give it a new or empty directory",
        )


class _Story:
    """A dataset, from its first version to its second and back."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def play(self) -> None:
        """The whole story."""
        self._first_version()
        self._clone()
        self._second_version()
        self._back_in_time()
        self._session.headline("That is all. Every `diff` above was silent: each version came back bit for bit")

    def _first_version(self) -> None:
        self._session.headline("A project: Git for the code, dver for the data")
        self._session.run("git init --quiet --bare project.git")
        self._session.run("git clone --quiet project.git project")
        self._session.go("project")
        self._session.run("dver init")
        self._session.happens("a dataset arrives, and a model is trained on it", write_first)
        self._session.keep("v1")
        self._session.run("dver add data models/net.bin")
        self._session.run("cat data.dver")
        self._session.run('git commit --quiet -m "Data v1"')
        self._session.run("git tag v1")
        self._session.headline("Share it: the pointers through Git, the data through a remote. Here that is a folder")
        self._session.run("dver remote add -d origin ../share")
        self._session.run('git commit --quiet -m "Say where the data is"')
        self._session.run("dver push")
        self._session.run("git push --quiet --tags origin HEAD")

    def _clone(self) -> None:
        self._session.headline("A colleague clones the project, and pulls the data")
        self._session.go(".")
        self._session.run("git clone --quiet project.git colleague")
        self._session.go("colleague")
        self._session.run("dver pull")
        self._session.same("../kept/v1/data", "data")
        self._session.same("../kept/v1/models/net.bin", "models/net.bin")

    def _second_version(self) -> None:
        self._session.headline("The data changes")
        self._session.go("project")
        self._session.happens(
            "pictures are retaken, added, removed and moved; the model is trained again", write_second
        )
        self._session.keep("v2")
        self._session.run("dver status")
        self._session.run("dver diff")
        self._session.run("dver add -u")
        self._session.run('git commit --quiet -m "Data v2"')
        self._session.run("git tag v2")
        self._session.run("dver push")
        self._session.run("git push --quiet --tags origin HEAD")
        self._session.run("dver status")
        self._session.headline("The colleague follows")
        self._session.go("colleague")
        self._session.run("git pull --quiet --ff-only")
        self._session.run("dver pull")
        self._session.same("../kept/v2/data", "data")
        self._session.same("../kept/v2/models/net.bin", "models/net.bin")

    def _back_in_time(self) -> None:
        self._session.headline("Look at v1 beside what is there")
        self._session.go("project")
        self._session.run("dver checkout v1 data --to ../old")
        self._session.same("../kept/v1/data", "../old/data")
        self._session.same("../kept/v2/data", "data")
        self._session.headline("Bring back the data of v1 alone; HEAD does not move")
        self._session.run("dver checkout v1 data")
        self._session.same("../kept/v1/data", "data")
        self._session.same("../kept/v2/models/net.bin", "models/net.bin")
        self._session.run("git status --short")
        self._session.run("dver checkout HEAD data")
        self._session.same("../kept/v2/data", "data")
        self._session.headline("Go back with code and data")
        self._session.run("git checkout --quiet v1")
        self._session.run("dver checkout")
        self._session.same("../kept/v1/data", "data")
        self._session.same("../kept/v1/models/net.bin", "models/net.bin")
        self._session.run("git checkout --quiet -")
        self._session.run("dver checkout")
        self._session.same("../kept/v2/data", "data")
        self._session.run("dver status --exit-code")
