"""Clones of one Git repository, with a remote for data, that share experiments. Importable from every test."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import Result, git, run_dver

from dver.experiments.journal import Journal
from dver.formats.experiment import Experiment
from dver.ops.exp.save import save
from dver.repo import Repository

_PIPELINE = """\
stages:
  train:
    cmd: cat data/rows params.yaml > model && echo trained && echo '{"loss":0.5}' > metrics.json
    deps: [data]
    params: [lr]
    outs: [model]
    metrics:
      - metrics.json:
          cache: false
"""


@dataclass
class Clone:
    """A clone at `root`."""

    root: Path

    def dver(self, *args: str, rc: int | None = 0) -> Result:
        """`dver ARGS...` in a process of its own."""
        return run_dver(*args, cwd=self.root, rc=rc)

    def git(self, *args: str, rc: int | None = 0) -> str:
        return git(*args, cwd=self.root, rc=rc)

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        with Repository.open(self.root) as repo, Journal(repo) as journal:
            yield journal

    def save(self, name: str, rows: str | None = None, metrics: Mapping[str, Any] | None = None) -> Experiment:
        """Change the data, the parameters and the metrics, and save them as an experiment."""
        (self.root / "data/rows").write_text(rows or f"rows of {name}\n")
        (self.root / "params.yaml").write_text(f"lr: {len(name)}\n")
        (self.root / "metrics.json").write_text(json.dumps(metrics or {"loss": len(name)}))
        with Repository.open(self.root) as repo:
            return save(repo, name=name).experiment

    def names(self) -> list[str]:
        """The names of all experiments that are not removed."""
        with self.journal() as journal:
            return [one.name for one in journal.all()]

    def experiment(self, name: str) -> Experiment:
        """The only experiment called `name`."""
        with self.journal() as journal:
            (found,) = [one for one in journal.all() if one.name == name]
        return found

    def refs(self, prefix: str = "refs/dver/experiments/") -> dict[str, str]:
        """The experiments' refs with their commits."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)", prefix).splitlines()
        return dict(line.split(" ") for line in lines)


def make_origin(directory: Path) -> Path:
    """A bare repository with a project, and a remote for data beside it."""
    origin, first = directory / "origin.git", directory / "first"
    git("init", "--quiet", "--bare", origin, cwd=directory)
    git("init", "--quiet", first, cwd=directory)
    clone = Clone(first)
    clone.git("remote", "add", "origin", "../origin.git")
    clone.dver("init", "--no-hooks")
    clone.dver("remote", "add", "-d", "store", "../store")
    (first / "data").mkdir()
    (first / "data/rows").write_text("rows of the first commit\n")
    (first / "params.yaml").write_text("lr: 1\n")
    (first / "dver.yaml").write_text(_PIPELINE)
    clone.dver("add", "data")
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "-m", "Begin")
    clone.dver("push")
    clone.git("push", "--quiet", "origin", "main")
    return origin


def clone_of(origin: Path | str, to: Path) -> Clone:
    """A new clone with its data."""
    git("clone", "--quiet", origin, to, cwd=to.parent)
    clone = Clone(to)
    clone.dver("pull")
    return clone
