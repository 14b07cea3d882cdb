"""`dver dag` through the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run

STAGES = """\
stages:
  prepare: {cmd: x, outs: [clean]}
  train:
    matrix: {model: [svm, forest, net, tree, bayes, knn, lasso]}
    cmd: x
    deps: [clean]
    outs: ["models/${item.model}"]
  report: {cmd: x, deps: [models], outs: [page]}
  other: {cmd: x}
"""


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    (git_repo / "dver.yaml").write_text(STAGES)
    return git_repo


def test_the_graph_is_drawn_with_a_matrix_as_one_box(run: Run, project: Path) -> None:
    drawn = """\
  ┌─────────┐
  │ prepare │
  └────┬────┘
       │
┌──────┴──────┐
│ train@… (7) │
└──────┬──────┘
       │
  ┌────┴────┐
  │ report  │
  └─────────┘
"""
    assert run("dag", "page", cwd=project).out == drawn


def test_what_does_not_fit_is_a_tree(run: Run, project: Path) -> None:
    wide = run("dag", "--full", "report", cwd=project, env={"COLUMNS": "200"}).out
    assert wide.count("│ train@") == 7
    tree = run("dag", "--full", "report", cwd=project, env={"COLUMNS": "60"}).out
    assert tree.startswith("prepare\n├─ train@svm\n│  └─ report\n")


def test_a_terminal_without_line_characters_gets_ascii(run: Run, project: Path) -> None:
    assert run("dag", cwd=project, env={"PYTHONIOENCODING": "ascii"}).out.isascii()


def test_outputs_mermaid_and_dot(run: Run, project: Path) -> None:
    assert run("dag", "--outs", "--dot", "models/svm", cwd=project).out == (
        'strict digraph {\n"clean";\n"models/svm";\n"clean" -> "models/svm";\n}\n'
    )
    assert run("dag", "--mermaid", "train", cwd=project).out == (
        'flowchart TD\n\tnode1["prepare"]\n\tnode2["train@… (7)"]\n\tnode1-->node2\n'
    )


def test_without_stages_there_is_nothing_to_draw(run: Run, project: Path) -> None:
    (project / "dver.yaml").unlink()
    assert "no stages" in run("dag", cwd=project).err
