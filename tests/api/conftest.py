"""Projects for the Python API."""

from __future__ import annotations

from pathlib import Path

import pytest
import workspaces
from workspaces import write

import dver

PIPELINE = """\
stages:
  train:
    cmd: cp data/a.csv model.txt && echo 1 > score.json && echo trained
    deps: [data]
    params: [lr]
    outs: [model.txt]
    metrics: [{score.json: {cache: false}}]
"""


@pytest.fixture
def project(tmp_path: Path) -> dver.Project:
    """A project with a remote, and with two versions of a directory with two files and a large one."""
    made = workspaces.Project.make(tmp_path / "project")
    write(made.root, {"data/a.csv": b"one", "data/b.csv": b"two"})
    project = dver.Project.open(made.root)
    project.remote.add("origin", tmp_path / "remote", default=True)
    made.save("data")
    made.git("tag", "v1")
    write(made.root, {"data/a.csv": b"changed", "data/c.bin": bytes(1 << 20)})
    made.save("data")
    return project


@pytest.fixture
def pipeline(project: dver.Project) -> dver.Project:
    """The project with a stage that reads its data."""
    write(project.root, {"dver.yaml": PIPELINE.encode(), "params.yaml": b"lr: 0.1\n"})
    return project
