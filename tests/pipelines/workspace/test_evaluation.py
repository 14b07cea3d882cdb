"""Evaluating stages by themselves, and as if cached runs were restored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Run

from dver.core.progress import SILENT
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.reasons import Always, DependencyChanged, DependencyMissing, NeverRun, OutputMissing
from dver.pipelines.execution.cached_runs import CachedRuns
from dver.pipelines.run_cache.entries import RunCache
from dver.pipelines.workspace.evaluation import Evaluator
from dver.pipelines.workspace.pipelines import load_pipelines
from dver.repo import Repository

FIRST, SECOND, LOGS = (Address("", name) for name in ("first", "second", "logs"))
STAGES = """\
stages:
  first: {cmd: cp raw clean, deps: [raw], outs: [clean]}
  second: {cmd: cp clean model, deps: [clean], outs: [model]}
  logs: {cmd: echo}
"""


@pytest.fixture
def repo(run: Run, git_repo: Path) -> Iterator[Repository]:
    run("init", cwd=git_repo)
    (git_repo / "dver.yaml").write_text(STAGES)
    (git_repo / "raw").write_text("one")
    with Repository.open(git_repo) as repo:
        yield repo


def evaluator(repo: Repository) -> Evaluator:
    return Evaluator(repo, load_pipelines(repo).graph, SILENT)


def test_a_stage_that_never_ran_lists_missing_dependencies(repo: Repository) -> None:
    assert evaluator(repo).evaluate(FIRST).reasons == (NeverRun(),)
    found = evaluator(repo).evaluate(SECOND)
    assert found.reasons == (NeverRun(), DependencyMissing("clean"))
    assert found.missing_outs == ["model"]
    assert found.last_run is None


def test_a_stage_is_compared_with_its_last_run(run: Run, repo: Repository) -> None:
    run("repro", cwd=repo.root)
    assert evaluator(repo).evaluate(FIRST).reasons == ()
    (repo.root / "raw").write_text("two")
    (repo.root / "clean").unlink()
    found = evaluator(repo).evaluate(FIRST)
    assert [type(one) for one in found.reasons] == [DependencyChanged, OutputMissing]
    assert found.last_run is not None


def test_running_every_time_is_no_change(run: Run, repo: Repository) -> None:
    run("repro", cwd=repo.root)
    found = evaluator(repo).evaluate(LOGS)
    assert (found.reasons, found.changes) == ((Always(declared=False),), ())


def test_stages_are_evaluated_as_if_cached_runs_were_restored(run: Run, repo: Repository) -> None:
    run("repro", cwd=repo.root)
    (repo.root / "raw").write_text("two")
    run("repro", cwd=repo.root)
    (repo.root / "raw").write_text("one")
    find = CachedRuns(repo, RunCache(repo)).find
    found = evaluator(repo).evaluate_all([FIRST, SECOND], find)
    assert [one.cached_run is not None for one in found.values()] == [True, True]
    assert found[FIRST].cached_run is not None
    assert found[SECOND].inputs.deps["clean"] == found[FIRST].cached_run.outs["clean"]
    assert (repo.root / "clean").read_text() == "two"
    forced = evaluator(repo).evaluate_all([FIRST, SECOND], find, forced=[FIRST])
    assert [one.cached_run for one in forced.values()] == [None, None]
