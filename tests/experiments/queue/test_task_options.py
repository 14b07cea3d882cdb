"""How a task is run, as its record has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from workspaces import Project

from dver.experiments.queue.task_options import TaskOptions, options_of, task_options
from dver.formats.experiment import Experiment, ExperimentStatus, decode_record, encode_record
from dver.pipelines.execution.repro import ReproOptions

COMMIT = "a" * 40
TASK = Experiment(id="0" * 32, name="t", status=ExperimentStatus.QUEUED, baseline=COMMIT, commit=COMMIT, updated=1)


@pytest.mark.parametrize(
    "repro",
    [
        ReproOptions(),
        ReproOptions(("train", "a b"), True, True, True, True, False, True, 7),
    ],
)
@pytest.mark.parametrize("place", [("", ""), ("sub", "sub/deep")])
def test_the_options_of_a_task_survive_its_record(repro: ReproOptions, place: tuple[str, str]) -> None:
    options = TaskOptions(*place, "b" * 40, repro)
    record = replace(TASK, targets=repro.targets, task=options.encoded())
    assert options_of(decode_record(encode_record(record))) == options


def test_only_what_differs_from_the_defaults_is_recorded(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "repo")
    with project.opened() as repo:
        options = task_options(repo, COMMIT, ReproOptions(jobs=2), repo.root)
    assert options.encoded() == {"snapshot": COMMIT, "jobs": 2}


def test_directories_outside_of_the_worktree_and_values_of_wrong_types_are_ignored() -> None:
    task = {"project": "../../etc", "cwd": "/tmp", "jobs": "4", "force": 1, "snapshot": 3, "later": True}
    found = options_of(replace(TASK, task=task))
    assert found == TaskOptions("", "", COMMIT, ReproOptions())
