"""Which sweep a name means, and what the options of the command line change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Run, git

from dver.core.errors import PipelineError, UsageError
from dver.experiments.sweep_setup import SweepOptions, chosen_sweep, find_sweep, planned_trials
from dver.pipelines.definition.sweep import SweepMethod, SweepMetric
from dver.repo import Repository

TOP = """\
sweeps:
  rate: {params: {lr: {low: 0.1, high: 1.0}}, method: random}
  both: {params: {lr: [1, 2], depth: 'range(3)'}}
"""
SUB = "sweeps: {both: {params: {x: [1]}}, own: {params: {x: [1, 2, 3]}, trials: 2, minimize: 'm.json:v'}}\n"


@pytest.fixture
def repo(git_repo: Path, run: Run) -> Iterator[Repository]:
    run("init", cwd=git_repo)
    (git_repo / "dver.yaml").write_text(TOP)
    (git_repo / "sub").mkdir()
    (git_repo / "sub/dver.yaml").write_text(SUB)
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "sweeps", cwd=git_repo)
    with Repository.open(git_repo) as found:
        yield found


def test_a_sweep_is_found_by_its_name_in_any_directory(repo: Repository) -> None:
    assert find_sweep(repo, "own")[0].folder == "sub"
    assert find_sweep(repo, "sub/dver.yaml:own")[0].folder == "sub"
    assert find_sweep(repo, "both")[0].folder == ""  # its whole name; the other one is sub/dver.yaml:both
    assert find_sweep(repo, "sub/dver.yaml:both")[1].params[0].key == "x"


def test_an_unknown_sweep_is_an_error_with_the_most_similar_one(repo: Repository) -> None:
    with pytest.raises(UsageError, match="no sweep is named 'rats'") as caught:
        find_sweep(repo, "rats")
    assert caught.value.fix == "dver exp run --sweep rate"


def test_a_name_that_two_directories_have_is_an_error_with_the_whole_names(repo: Repository) -> None:
    (repo.root / "dver.yaml").write_text("stages: {}\n")
    (repo.root / "other").mkdir()
    (repo.root / "other/dver.yaml").write_text(SUB)
    with pytest.raises(UsageError, match="several sweeps are named 'own'") as caught:
        find_sweep(repo, "own")
    assert caught.value.fix == "dver exp run --sweep other/dver.yaml:own"
    assert find_sweep(repo, "other/dver.yaml:own")[0].folder == "other"


def test_the_error_of_a_file_that_cannot_be_read_is_reported(repo: Repository) -> None:
    (repo.root / "dver.yaml").write_text("sweeps: {rate: {}}\n")
    with pytest.raises(PipelineError, match="sweep 'rate' has no `params`"):
        find_sweep(repo, "rate")
    assert find_sweep(repo, "own")[1].trials == 2


def test_paths_of_a_sweep_are_beside_its_file(repo: Repository) -> None:
    found = chosen_sweep(repo, SweepOptions("own"))
    assert (found.name, found.folder) == ("sub/dver.yaml:own", "sub")
    assert [one.file for one in found.space.params] == ["sub/params.yaml"]


def test_options_replace_what_the_file_says(repo: Repository) -> None:
    metric = SweepMetric("m.json", "loss", maximize=False)
    options = SweepOptions("rate", params=("seed=1",), trials=5, method=SweepMethod.TPE, metric=metric)
    found = chosen_sweep(repo, options)
    assert (found.sweep.trials, found.sweep.method, found.sweep.metric) == (5, SweepMethod.TPE, metric)
    assert [one.text for one in found.fixed] == ["params.yaml:seed=1"]
    with pytest.raises(UsageError, match="sweep 'rate' has no metric"):
        chosen_sweep(repo, SweepOptions("rate", method=SweepMethod.TPE))
    with pytest.raises(PipelineError, match="a grid needs the values"):
        chosen_sweep(repo, SweepOptions("rate", method=SweepMethod.GRID))


def test_a_grid_has_all_combinations_or_as_many_as_wanted(repo: Repository) -> None:
    assert planned_trials(chosen_sweep(repo, SweepOptions("both"))) == 6
    assert planned_trials(chosen_sweep(repo, SweepOptions("both", trials=4))) == 4
    assert planned_trials(chosen_sweep(repo, SweepOptions("both", trials=99))) == 6
    assert planned_trials(chosen_sweep(repo, SweepOptions("own"))) == 2
    with pytest.raises(UsageError, match="does not say how many trials"):
        planned_trials(chosen_sweep(repo, SweepOptions("rate")))
