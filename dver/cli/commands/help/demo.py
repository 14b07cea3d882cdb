"""`dver demo`: a complete example session, run for real."""

from __future__ import annotations

import os
from pathlib import Path

import click

import dver
from dver.cli import options
from dver.cli.context import Context
from dver.cli.demo_player import play
from dver.cli.render import terminal
from dver.core.errors import DverError, UsageError


@options.command(examples=[("dver demo /tmp/dver-demo", "Run the session, and keep its directories to explore.")])
@click.argument("directory", metavar="DIR")
@click.option("--pipeline", metavar="EXAMPLE", help="Run the pipeline session of EXAMPLE, such as examples/digits.")
@click.pass_obj
def command(ctx: Context, *, directory: str, pipeline: str | None) -> None:
    """Run a complete example session in a new directory.

    Creates a Git repository with a dataset of a few hundred files in DIR and versions it: add, push to a directory,
    clone, pull, edit, diff, go back in time. All commands run for real. After each step, `diff -r` compares the files
    with the originals.

    With --pipeline, the session trains models: stages that are out of date and why, a changed parameter, metrics and
    plots before and after, restored outputs, and the lineage of a model. EXAMPLE is the directory examples/digits in
    dver's sources. The session needs scikit-learn (`dver[examples]`) and `dver[plots]`.

    DIR must be empty or not exist. The demo uses neither the network nor your settings.
    """
    root = Path(directory).absolute()
    _check_free(root, directory)
    example = Path(pipeline).absolute() if pipeline is not None else _examples() / "fruit"
    if not (example / "session.txt").is_file():
        raise UsageError(
            f"no session.txt in {str(example)!r}", fix="pass the directory examples/digits of dver's sources"
        )
    root.mkdir(parents=True, exist_ok=True)
    try:
        play(ctx, example, root)
    except OSError as error:
        raise DverError(f"the demo cannot continue in {directory!r}", why=str(error)) from error
    ctx.say(f"The session is in {terminal.printable(root)}. Try commands of your own in its directory project/.")


def _check_free(root: Path, text: str) -> None:
    if os.path.lexists(root) and not root.is_dir():
        raise UsageError(f"{text!r} is not a directory", fix="give a new or empty directory")
    if root.is_dir() and any(root.iterdir()):
        raise UsageError(
            f"{text!r} is not empty",
            why="the demo could overwrite its files",
            fix="give a new or empty directory",
        )


def _examples() -> Path:
    """The directory of the examples: inside an installed package, beside the package in a checkout."""
    package = Path(dver.__file__).resolve().parent
    installed = package / "examples"
    return installed if installed.is_dir() else package.parent / "examples"
