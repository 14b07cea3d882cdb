"""The example in examples/digits, as `dver demo --pipeline` walks through it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import run_dver

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]  # it trains a dozen models

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits"
STAGES = ["prepare", "featurise", "train@logistic", "train@forest", "evaluate@logistic", "evaluate@forest"]


@dataclass(frozen=True)
class DemoRun:
    """A demo that ran: its project, and the output of each command in order."""

    project: Path
    commands: list[tuple[str, str]]

    def outputs(self, command: str) -> list[str]:
        """What `command` printed each time."""
        return [printed for one, printed in self.commands if one == command]


def test_the_session_of_the_example_prints_what_it_should(tmp_path: Path) -> None:
    """One test for the whole session, which takes a minute. As on a new machine: no home, no identity, no setting."""
    bare = {
        "HOME": os.fspath(tmp_path / "nowhere"),
        "GIT_CONFIG_GLOBAL": os.fspath(tmp_path / "nowhere"),
        "NO_COLOR": "1",
    }
    out = run_dver("demo", "--pipeline", EXAMPLE, tmp_path / "there", env=bare).out
    parts = re.split(r"^project\$ (.+)\n", out, flags=re.MULTILINE)
    demo = DemoRun(tmp_path / "there" / "project", list(zip(parts[1::2], parts[2::2], strict=True)))
    assert demo.commands
    the_example_runs_all_its_stages_and_then_nothing(demo)
    only_what_a_parameter_changes_is_run_again(demo)
    what_was_trained_before_is_put_back(demo)
    the_model_is_traced_to_the_beginning(demo)
    experiments_are_compared_brought_back_and_left_again(demo)
    the_model_is_released_reported_and_rolled_back(demo)


def the_example_runs_all_its_stages_and_then_nothing(demo: DemoRun) -> None:
    (first,) = demo.outputs("dver repro -j 2")
    begun = {line.removesuffix(": running") for line in first.splitlines() if line.endswith(": running")}
    assert begun == set(STAGES)
    assert demo.outputs("dver repro")[0].startswith("everything is up to date")
    for model in ("logistic", "forest"):
        metrics = json.loads((demo.project / "results" / model / "metrics.json").read_text())
        assert metrics["accuracy"] > 0.9


def only_what_a_parameter_changes_is_run_again(demo: DemoRun) -> None:
    (plan,) = demo.outputs("dver repro --dry-run")
    assert "parameter train.forest.trees of params.yaml: 60 -> 5" in plan
    assert "logistic" not in plan
    _, again, _ = demo.outputs("dver repro")
    assert "train@forest: running" in again
    assert "evaluate@forest: running" in again
    assert "logistic" not in again
    (differing,) = demo.outputs("dver metrics diff")
    assert "results/forest/metrics.json" in differing
    assert (demo.project / "dver_plots" / "index.html").stat().st_size > 10_000


def what_was_trained_before_is_put_back(demo: DemoRun) -> None:
    *_, back = demo.outputs("dver repro")
    assert "train@forest: restored" in back
    assert demo.outputs("dver metrics diff HEAD~1 workspace")[0].startswith("no metrics differ")


def the_model_is_traced_to_the_beginning(demo: DemoRun) -> None:
    (lineage,) = demo.outputs("dver lineage models/forest.joblib")
    assert "with    seed = 20  (params.yaml)" in lineage
    assert "src/prepare.py" in lineage


def experiments_are_compared_brought_back_and_left_again(demo: DemoRun) -> None:
    (table,) = demo.outputs("dver exp show --only-changed --sort -forest:accuracy")
    shown = {line.split()[0]: line for line in table.partition("\n\n")[0].splitlines()}
    assert list(shown)[3:] == ["trees-2", "trees-1", "shallow"]  # after the head, the workspace and the baseline
    assert "logistic" not in shown["experiment"]
    (applied,) = demo.outputs("dver exp diff")
    assert "train.forest.trees" in applied
    assert "models/forest.joblib (output)" in applied
    (left,) = demo.outputs("dver exp undo")
    assert left.startswith("undone: 3 files written")


def the_model_is_released_reported_and_rolled_back(demo: DemoRun) -> None:
    assert "registered digits v0.0.1 (models/forest.joblib, " in demo.outputs("dver model register digits")[0]
    (report,) = demo.outputs("dver report --against HEAD~1")
    assert "| `params.yaml` | `train.forest.trees` | 60 | 200 |" in report
    assert "| `digits` | `models/forest.joblib` | " in report
    card = (demo.project / "card.md").read_text()
    assert "# `digits` `v0.0.2`" in card
    assert "| `train.forest.trees` | 200 | 60 |" in card
    (history,) = demo.outputs("dver model history digits")
    changes = [line[18:].split("  ")[0] for line in history.splitlines()[:5]]
    assert changes[0] == "v0.0.1 assigned to prod"
    assert len(changes) == 5
