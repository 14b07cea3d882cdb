"""Projects of DVC users: `dvc.yaml` is renamed to `dver.yaml`, and everything is as DVC had it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support import Run, git

from dver.pipelines.definition.stage import Output, PlotStyle, Stage, TopPlot
from dver.pipelines.engine.graph import Address, Graph, worktree_path
from dver.pipelines.workspace.pipelines import Pipelines, load_pipelines
from dver.repo import Repository

PROJECTS = Path(__file__).parents[1] / "fixtures" / "dvc"
NAMES = ["get-started", "experiments", "templates", "monorepo", "odds"]


def renamed(name: str, folder: Path, run: Run) -> Path:
    """The project called `name` in a Git repository of its own, moved to dver by renaming its files."""
    shutil.copytree(PROJECTS / name, folder)
    (folder / "expected.json").unlink()
    git("init", "--quiet", cwd=folder)
    run("init", cwd=folder)
    for file in folder.rglob("dvc.yaml"):
        file.rename(file.with_name("dver.yaml"))
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "-m", "From DVC", cwd=folder)
    return folder


def expected(name: str) -> dict[str, dict[str, Any]]:
    """What DVC made of the project."""
    found: dict[str, dict[str, Any]] = json.loads((PROJECTS / name / "expected.json").read_text())
    return found


def loaded(project: Path) -> Pipelines:
    with Repository.open(project) as repo:
        return load_pipelines(repo)


def told(graph: Graph, address: Address, stage: Stage) -> dict[str, Any]:
    """A stage as `expected.json` has it."""

    def place(path: str) -> str:
        return worktree_path(address.folder, path, stage.mark)

    said = {
        "cmd": stage.cmd if isinstance(stage.cmd, str) else list(stage.cmd),
        "wdir": place(stage.wdir),
        "deps": sorted(place(one.path) for one in stage.deps),
        "params": {place(one.file): sorted(one.keys) for one in stage.params},
        "outs": {place(one.path): told_output(one) for one in stage.outs},
        "needs": sorted(map(str, graph.upstream[address])),
    }
    optional = {
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
        "desc": stage.desc,
        "meta": stage.meta,
    }
    return said | {key: value for key, value in optional.items() if value}


def runs_always(stage: Mapping[str, Any]) -> bool:
    """Does DVC run the stage every time? So it does if there is nothing to compare."""
    return bool(stage.get("always_changed")) or not (stage["deps"] or stage["params"] or stage["outs"])


def told_output(out: Output) -> dict[str, Any]:
    said: dict[str, Any] = {"role": out.role.value}
    usual = Output(out.path, out.role, out.mark)
    said |= {key: getattr(out, key) for key in ("cache", "persist", "push", "remote", "desc")}
    said = {key: value for key, value in said.items() if key == "role" or value != getattr(usual, key)}
    return said | ({"plot": told_plot(out.plots[0])} if out.plots and told_plot(out.plots[0]) else {})


def told_plot(plot: PlotStyle) -> dict[str, Any]:
    keys = ("x", "y", "x_label", "y_label", "title", "template", "header")
    return {key: getattr(plot, key) for key in keys if getattr(plot, key) != getattr(PlotStyle(), key)}


@pytest.mark.parametrize("name", NAMES)
def test_a_renamed_file_says_what_it_said_to_dvc(run: Run, tmp_path: Path, name: str) -> None:
    graph = loaded(renamed(name, tmp_path / name, run)).graph
    stages = {str(address): told(graph, address, stage) for address, stage in graph.stages.items()}
    assert stages == expected(name)["stages"]


@pytest.mark.parametrize("name", NAMES)
def test_a_renamed_pipeline_makes_what_it_made_with_dvc(run: Run, tmp_path: Path, name: str) -> None:
    project = renamed(name, tmp_path / name, run)
    run("repro", cwd=project)
    assert {path: (project / path).read_text() for path in expected(name)["made"]} == expected(name)["made"]
    states = json.loads(run("repro", "--json", cwd=project).out)
    always = {address for address, stage in expected(name)["stages"].items() if runs_always(stage)}
    frozen = {address for address, state in states.items() if state == "frozen"}
    assert frozen == ({"left"} if name == "odds" else set())
    assert {address for address, state in states.items() if state != "up to date"} - frozen == always


def test_what_is_said_at_the_top_is_read_as_dvc_reads_it(run: Run, tmp_path: Path) -> None:
    found = loaded(renamed("get-started", tmp_path / "project", run)).files[""]
    roc = {f"eval/plots/roc/{part}.json": "tpr" for part in ("train", "test")}
    plots = {one.name: one.plot for one in found.plots}
    assert (found.params, found.metrics) == (("params.yaml",), ("eval/metrics.json",))
    assert list(plots) == ["ROC", "Confusion-Matrix", "Several", "eval/importance.csv", "eval/plots/images"]
    assert plots["ROC"] == PlotStyle(x="fpr", y=roc, template="simple")
    assert plots["Several"].x == dict.fromkeys(roc, "fpr")
    assert plots["Several"].y == {
        "eval/plots/roc/train.json": ("tpr", "threshold"),
        "eval/plots/roc/test.json": ("tpr",),
    }
    assert isinstance(found.plots[-1], TopPlot)


def test_a_renamed_pipeline_has_its_metrics_parameters_and_plots(run: Run, tmp_path: Path) -> None:
    project = renamed("get-started", tmp_path / "project", run)
    run("repro", cwd=project)
    git("add", "--all", cwd=project)
    git("commit", "--quiet", "-m", "Run", cwd=project)
    (project / "params.yaml").write_text((project / "params.yaml").read_text().replace("ngrams: 2", "ngrams: 1"))
    assert "avg_prec.test" in run("metrics", "show", cwd=project).out
    assert run("params", "diff", cwd=project).out.splitlines()[1].split() == [
        "params.yaml",
        "featurize.ngrams",
        "2",
        "1",
    ]
    assert run("repro", "--dry-run", cwd=project).out.splitlines()[:2] == [
        "run featurize",
        "  parameter featurize.ngrams of params.yaml: 2 -> 1",
    ]


@pytest.mark.parametrize(
    ("targets", "stages"),
    [
        (["split"], ["split"]),
        ([":split"], ["split"]),
        (["dver.yaml:split"], ["split"]),
        (["models/small/dver.yaml:train"], ["split", "models/small/dver.yaml:train"]),
        (["models/large/dver.yaml"], ["split", "models/large/dver.yaml:train", "models/large/dver.yaml:words"]),
        (["-s", "models/large/dver.yaml:words"], ["models/large/dver.yaml:words"]),
        (["models/small/model.txt"], ["split", "models/small/dver.yaml:train"]),
    ],
)
def test_stages_are_addressed_as_with_dvc(run: Run, tmp_path: Path, targets: list[str], stages: list[str]) -> None:
    project = renamed("monorepo", tmp_path / "project", run)
    found = run("repro", "--dry-run", *targets, cwd=project).out.splitlines()
    assert [line.removeprefix("run ") for line in found if not line.startswith(" ")] == stages


def test_a_stage_is_addressed_from_its_folder(run: Run, tmp_path: Path) -> None:
    project = renamed("monorepo", tmp_path / "project", run)
    drawn = run("dag", "--mermaid", "train", cwd=project / "models" / "small").out
    assert all(name in drawn for name in ('["train"]', '["../../dver.yaml:split"]'))
    assert "split" in drawn
    assert "report" not in drawn
    listed = run("stage", "list", "--names-only", os.fspath(project / "dver.yaml"), cwd=project / "data").out
    assert listed.split() == ["../dver.yaml:split", "../dver.yaml:compare"]


def test_settings_say_how_mappings_become_options(run: Run, git_repo: Path) -> None:
    run("init", cwd=git_repo)
    (git_repo / "params.yaml").write_text("d: {b: false, l: [1, 2]}\n")
    (git_repo / "dver.yaml").write_text("stages: {one: {cmd: 'echo ${d} > out', outs: [out]}}\n")
    run("config", "set", "parsing.bool", "boolean_optional", cwd=git_repo)
    run("config", "set", "parsing.list", "append", cwd=git_repo)
    run("repro", cwd=git_repo)
    assert (git_repo / "out").read_text() == "--no-b --l 1 --l 2\n"
