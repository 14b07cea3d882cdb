"""Pipelines: what is out of date, not recorded or not made yet is said so, with a command that works as it is typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    """Two stages, of which none has run."""
    run("init", "--no-hooks", cwd=git_repo)
    (git_repo / "in").write_text("one")
    (git_repo / "dver.yaml").write_text(
        "stages:\n"
        "  train: {cmd: cp in out, deps: [in], outs: [out]}\n"
        "  score: {cmd: 'for one in a b c; do echo \"{}\" > $one.json; done', deps: [out],"
        " metrics: [a.json, b.json, c.json]}\n"
    )
    git("add", ".", cwd=git_repo)
    git("commit", "--quiet", "-m", "Stages", cwd=git_repo)
    return git_repo


def commands(text: str) -> list[list[str]]:
    """The commands of dver that a message gives, between backticks or after `fix:`."""
    found = re.findall(r"`(dver [^`]+)`|fix: (dver [^,`]+)", text)
    return [shlex.split(one or two)[1:] for one, two in found]


def test_a_frozen_stage_that_is_out_of_date_is_not_called_up_to_date(run: Run, project: Path) -> None:
    run("repro", cwd=project)
    run("freeze", "train", cwd=project)
    assert "everything is up to date" in run("repro", cwd=project).out
    (project / "in").write_text("two")
    status = run("status", cwd=project).out
    assert "Frozen and out of date (`dver unfreeze`):\n  frozen train\n" in status
    assert "`dver repro`" not in status
    said = run("repro", cwd=project).out
    assert said.splitlines()[0] == "1 stage up to date, 1 frozen and out of date"
    assert run("repro", "--json", cwd=project).json == {"train": "frozen", "score": "up to date"}
    ((*unfreeze,),) = commands(said)
    run(*unfreeze, cwd=project)
    assert "2 stages run" in run("repro", cwd=project).out
    assert (project / "out").read_text() == "two"


def test_frozen_members_of_a_matrix_are_let_go_as_a_whole(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text(
        "stages:\n  m:\n    foreach: [1, 2]\n    do: {cmd: 'cp in ${item}.txt', deps: [in], outs: ['${item}.txt']}\n"
    )
    run("repro", cwd=project)
    run("freeze", "m", cwd=project)
    (project / "in").write_text("two")
    ((*unfreeze,),) = commands(run("repro", cwd=project).out)
    assert unfreeze == ["unfreeze", "m"]
    run(*unfreeze, cwd=project)


def test_commit_without_a_terminal_fails_if_it_leaves_out_a_stage(run: Run, project: Path) -> None:
    run("repro", cwd=project)
    (project / "in").write_text("two")
    result = run("commit", cwd=project, rc=4)
    assert "error: not recorded: train\n" in result.err
    assert run("commit", "--json", cwd=project, rc=4).json == {"recorded": [], "refused": ["train"], "missing": []}
    again, record = commands(result.err)
    assert again == ["repro", "train"]
    run(*record, cwd=project)
    assert "everything is up to date" in run("repro", cwd=project).out


def test_metrics_before_the_first_run_are_one_line_and_no_error(run: Run, project: Path) -> None:
    result = run("metrics", "show", cwd=project)
    assert (result.out, len(result.err.splitlines())) == ("", 1)
    assert "not in the workspace: a.json, b.json, c.json" in result.err
    assert run("metrics", "show", "--json", cwd=project).json == {"workspace": {}}
    assert len(run("metrics", "diff", cwd=project).err.splitlines()) == 2  # HEAD, and the workspace
    run(*commands(result.err)[0], cwd=project)
    assert run("metrics", "show", cwd=project).err == ""


def test_a_metric_that_was_named_is_an_error_if_it_is_not_there(run: Run, project: Path) -> None:
    assert "'a.json' is not in the workspace" in run("metrics", "show", "a.json", cwd=project, rc=2).err
