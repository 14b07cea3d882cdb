"""A project with a model and a dataset, and clones of it that change the registry. Importable from every test."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support import Result, git, run_dver

_PIPELINE = """\
stages:
  train:
    cmd: cat data.csv > model.pkl && echo "{\\"auc\\":0.$(wc -c < data.csv)}" > metrics.json
    deps: [data.csv]
    outs: [model.pkl]
    metrics: [metrics.json: {cache: false}]
artifacts:
  churn: {path: model.pkl, type: model, desc: Customers that leave}
  rows: {path: data.csv, type: dataset}
"""


@dataclass(frozen=True)
class ModelClone:
    """A clone at `root`."""

    root: Path

    def dver(self, *args: str, rc: int | None = 0) -> Result:
        """`dver ARGS...` in a process of its own."""
        return run_dver(*args, cwd=self.root, rc=rc)

    def model(self, *args: str, rc: int | None = 0) -> Result:
        """`dver model ARGS...`."""
        return self.dver("model", *args, rc=rc)

    def git(self, *args: str, rc: int | None = 0) -> str:
        return git(*args, cwd=self.root, rc=rc)

    def commit(self, rows: str) -> str:
        """Change the data, run the stage, commit, and return the commit."""
        (self.root / "data.csv").write_text(rows)
        self.dver("add", "data.csv")
        self.dver("repro")
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", f"Train with {rows}")
        return self.git("rev-parse", "HEAD").strip()

    def tags(self) -> list[str]:
        return self.git("tag", "--list").splitlines()

    def details(self, tag: str) -> dict[str, Any]:
        """The details in the message of a tag."""
        line = self.git("for-each-ref", "--format=%(contents)", f"refs/tags/{tag}").strip().rpartition("\ndver: ")[2]
        found: dict[str, Any] = json.loads(line)
        return found

    def dates(self) -> dict[str, int]:
        """The time of each tag, in Unix seconds."""
        lines = self.git("for-each-ref", "--format=%(refname:short) %(taggerdate:unix)", "refs/tags/").splitlines()
        return {name: int(time) for name, _, time in (line.partition(" ") for line in lines)}


def make_model_project(directory: Path, *init: str) -> ModelClone:
    """A clone with one commit, a bare repository `origin.git` that has it, and a remote for data beside it."""
    subprocess.run(["cp", "-a", f"{_template(*init).name}/.", directory], check=True)
    clone = ModelClone(directory / "first")
    clone.git("update-index", "--refresh")
    return clone


@cache
def _template(*init: str) -> TemporaryDirectory[str]:
    """The same, made once and copied."""
    made = TemporaryDirectory(prefix="dver-test-template-")
    directory = Path(made.name)
    root = directory / "first"
    git("init", "--quiet", "--bare", directory / "origin.git", cwd=directory)
    git("init", "--quiet", root, cwd=directory)
    clone = ModelClone(root)
    clone.git("remote", "add", "origin", "../origin.git")
    clone.dver("init", *init)
    clone.dver("remote", "add", "-d", "store", "../store")
    (root / "dver.yaml").write_text(_PIPELINE)
    clone.commit("one")
    clone.dver("push")
    clone.git("push", "--quiet", "--set-upstream", "origin", "HEAD")
    return made


def model_clone(directory: Path, name: str) -> ModelClone:
    """A new clone, without data."""
    git("clone", "--quiet", directory / "origin.git", directory / name, cwd=directory)
    return ModelClone(directory / name)
