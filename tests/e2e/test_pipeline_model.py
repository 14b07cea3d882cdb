"""Random steps of Git between runs of a pipeline: what is there is what the parameters say, and no work is done twice.

DVER_GIT_SEED=7 runs one seed, DVER_GIT_SEEDS=30 the first thirty; DVER_GIT_STEPS=200 says how far (docs/testing.md).
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from githooks import dver, git_says, put_dver_on_path
from support import git

STEPS = int(os.environ.get("DVER_GIT_STEPS", "30"))
SEED = os.environ.get("DVER_GIT_SEED")
SEEDS = [int(SEED)] if SEED else range(int(os.environ.get("DVER_GIT_SEEDS", "1")))

PARAMS = "data: 1\n\nmodels:\n  a: 1\n\n  b: 2\n\n  c: 3\n"
"""Far enough apart for Git to merge changes of several."""
PIPELINE = """\
stages:
  prepare:
    cmd: mkdir -p data/clean && for i in 1 2 3; do echo $i ${data} > data/clean/$i; done; echo ${data} >> $RUNS
    params: [data]
    outs: [data/clean]
  train:
    matrix: {model: [a, b, c]}
    cmd:
    - cat data/clean/* > models/${item.model}; grep " ${item.model}:" params.yaml >> models/${item.model}
    - "cksum < models/${item.model} | sed 's/ .*//; s/^/sum: /' > ${item.model}.yaml"
    - echo $(cat models/${item.model}) >> $RUNS
    deps: [data/clean]
    params: ["models.${item.model}"]
    outs: ["models/${item.model}"]
    metrics: ["${item.model}.yaml": {cache: false}]
"""


class Team:
    """A project, its branches, and one who tries things."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.runs = root.with_name("runs")
        self.branches = ["main"]
        self.log: list[str] = []
        self._chance = random.Random(seed)
        root.mkdir()
        git("init", "-q", "-b", "main", cwd=root)
        dver("init", "-q", cwd=root)
        dver("install", "-q", cwd=root)
        self._params.write_text(PARAMS)
        (root / "dver.yaml").write_text(PIPELINE)
        self.repro()
        self._commit()

    @property
    def _params(self) -> Path:
        return self.root / "params.yaml"

    def step(self) -> None:
        """Do something, and bring all up to date after it."""
        kinds: list[Callable[[], None]] = [self._edit, self._edit, self._branch, self._switch, self._merge]
        kind = self._chance.choice([*kinds, self._rebase, self._stash, self._reset])
        self.log.append(kind.__name__)
        kind()
        self.repro()
        self._commit()

    def repro(self) -> None:
        """Bring all up to date, and look at it."""
        dver("repro", "-q", "-j", str(self._chance.choice([1, 3])), cwd=self.root)
        self.look()
        done = self.runs.read_text().splitlines()
        assert len(done) == len(set(done)), "work was done twice"

    def look(self) -> None:
        """Is everything what the parameters say?"""
        said = dict(re.findall(r"(\w+): (\d+)", self._params.read_text()))
        clean = "".join(f"{number} {said['data']}\n" for number in (1, 2, 3))
        for model in "abc":
            assert (self.root / "models" / model).read_text() == f"{clean}  {model}: {said[model]}\n"

    def _edit(self) -> None:
        self._set(self._chance.choice(["data", "a", "b", "c"]), self._chance.randint(1, 4))

    def _branch(self) -> None:
        self.branches.append(f"b{len(self.branches)}")
        git_says(self.root, "checkout", "-q", "-b", self.branches[-1])

    def _switch(self) -> None:
        git_says(self.root, "checkout", "-q", self._chance.choice(self.branches))
        self.look()

    def _merge(self) -> None:
        if self._succeeds("merge", "-q", "--no-edit", self._chance.choice(self.branches)):
            return
        side = self._chance.choice(["--ours", "--theirs"])
        for path in git("diff", "--name-only", "--diff-filter=U", cwd=self.root).split():
            git_says(self.root, "checkout", side, path)

    def _rebase(self) -> None:
        if not self._succeeds("rebase", "-q", self._chance.choice(self.branches)):
            git_says(self.root, "rebase", "--abort")
        self.look()

    def _stash(self) -> None:
        self._set("data", self._chance.randint(5, 9))
        self.repro()
        git_says(self.root, "stash", "-q")
        self.look()
        git_says(self.root, "stash", "drop", "-q")

    def _reset(self) -> None:
        if self._succeeds("rev-parse", "-q", "--verify", "HEAD~1"):
            git_says(self.root, "reset", "-q", "--hard", "HEAD~1")
        self.look()

    def _set(self, name: str, value: int) -> None:
        self._params.write_text(re.sub(rf"\b{name}: \d+", f"{name}: {value}", self._params.read_text()))

    def _commit(self) -> None:
        git_says(self.root, "add", "-A")
        if not self._succeeds("diff", "--cached", "--quiet") or self._succeeds(
            "rev-parse", "-q", "--verify", "MERGE_HEAD"
        ):
            git_says(self.root, "commit", "-q", "-m", f"Step {len(self.log)}")

    def _succeeds(self, *args: str) -> bool:
        try:
            git_says(self.root, *args)
        except AssertionError:
            return False
        return True


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_there_is_what_the_parameters_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    team = Team(tmp_path / "project", seed)
    try:
        for _ in range(STEPS):
            team.step()
    except BaseException as error:
        error.add_note(f"seed {seed}, steps: {', '.join(team.log)}")
        raise
