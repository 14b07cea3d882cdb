"""The story of a pipeline, for `dver demo --pipeline`: told of examples/digits."""

from __future__ import annotations

import shutil
from pathlib import Path

from dver.cli.demo_session import Session


def play_pipeline(session: Session, example: Path) -> None:
    """Models are trained, a parameter changes and changes back. Raises DverError if a command fails."""
    _first_models(session, example)
    _other_parameters(session)
    _back_again(session)
    session.headline(
        "That is all. A stage is run when something it depends on has changed, and never twice for the same"
    )


def _first_models(session: Session, example: Path) -> None:
    session.headline("A project: stages that make data, features, two models and what is to be said of them")
    session.run("git init --quiet project")
    session.go("project")
    session.run("dver init")
    session.happens("somebody writes dver.yaml, params.yaml and the programs", lambda at: _copy(example, at))
    session.run("dver dag")
    session.run("git add --all")
    session.run('git commit --quiet -m "A pipeline"')
    session.headline("Bring everything up to date, two stages at once")
    session.run("dver repro -j 2")
    session.run("git add --all")
    session.run('git commit --quiet -m "First models"')
    session.run("dver metrics show")
    session.run("dver repro")


def _other_parameters(session: Session) -> None:
    session.headline("A parameter changes: what is stale now, and why?")
    session.happens("the forest gets 5 trees instead of 60, in params.yaml", lambda at: _set_trees(at, 60, 5))
    session.run("dver params diff")
    session.run("dver repro --dry-run")
    session.headline("Only that is run, and compared with what was there before")
    session.run("dver repro")
    session.run("dver metrics diff")
    session.run("dver plots diff")
    session.run("git add --all")
    session.run('git commit --quiet -m "Fewer trees"')


def _back_again(session: Session) -> None:
    session.headline("Back to 60 trees: the model of then is put back, and its metrics with it")
    session.happens("the forest gets 60 trees again", lambda at: _set_trees(at, 5, 60))
    session.run("dver repro")
    session.run("dver metrics diff HEAD~1 workspace")
    session.headline("From what did the model come?")
    session.run("dver lineage models/forest.joblib")


def _copy(example: Path, project: Path) -> None:
    shutil.copytree(example, project, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def _set_trees(project: Path, old: int, new: int) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace(f"trees: {old}", f"trees: {new}"))
