"""`dver commit` through the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git

STAGES = """\
stages:
  copy: {cmd: cp raw copy, deps: [raw], outs: [copy]}
  more: {cmd: "cat copy copy > twice; date > when", deps: [copy], outs: [twice], metrics: [when: {cache: false}]}
"""


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    (git_repo / "raw").write_text("raw\n")
    (git_repo / "dver.yaml").write_text(STAGES)
    run("repro", cwd=git_repo)
    return git_repo


def is_clean(run: Run, project: Path) -> bool:
    return "up to date" in run("repro", "--dry-run", cwd=project).out


def test_outputs_that_were_changed_by_hand_are_recorded(run: Run, project: Path) -> None:
    (project / "twice").write_text("by hand\n")
    assert run("commit", cwd=project).out == "recorded: more\n"
    assert is_clean(run, project)
    assert "dver.lock" in git("diff", "--cached", "--name-only", cwd=project)
    (project / "twice").unlink()
    run("checkout", "twice", cwd=project)
    assert (project / "twice").read_text() == "by hand\n"
    assert "nothing to record" in run("commit", cwd=project).err


def test_a_stage_that_never_ran_is_recorded_with_what_it_would_have_made(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text(STAGES + "  new: {cmd: 'false', deps: [raw], outs: [made]}\n")
    assert "skipped new: some outputs are missing" in run("commit", cwd=project).err
    assert "is missing its output" in run("commit", "new", cwd=project, rc=10).err
    (project / "made").write_text("made\n")
    assert run("commit", "--json", "new", cwd=project).json == {"recorded": ["new"], "refused": [], "missing": []}
    assert is_clean(run, project)
    assert "/made" in (project / ".gitignore").read_text()
    assert "made" in run("ls", cwd=project).out


def test_what_a_stage_reads_is_recorded_only_if_that_is_wanted(run: Run, project: Path) -> None:
    (project / "raw").write_text("other\n")
    before = (project / "dver.lock").read_bytes()
    assert "changed: raw" in run("commit", "copy", cwd=project, rc=4).err
    assert "skipped copy" in run("commit", cwd=project, rc=4).err
    assert (project / "dver.lock").read_bytes() == before
    assert run("commit", "-f", cwd=project).out == "recorded: copy\n"
    assert is_clean(run, project)


def test_what_is_recorded_without_a_run_counts_until_there_is_one(run: Run, project: Path) -> None:
    (project / "raw").write_text("other\n")
    run("commit", "-f", cwd=project)
    (project / "copy").unlink()
    run("repro", cwd=project)
    assert (project / "copy").read_text() == "raw\n"  # as the lock says
    run("repro", "--force", cwd=project)
    (project / "copy").unlink()
    (project / "dver.lock").unlink()
    run("repro", cwd=project)
    assert (project / "copy").read_text() == "other\n"


def test_what_reads_an_output_that_was_changed_by_hand_is_left_to_a_run(run: Run, project: Path) -> None:
    (project / "copy").write_text("by hand\n")
    result = run("commit", cwd=project, rc=4)
    assert (result.out, "skipped more: its dependencies changed" in result.err) == ("recorded: copy\n", True)
    run("repro", cwd=project)
    assert (project / "copy").read_text() == "by hand\n"
    assert (project / "twice").read_text() == "by hand\n" * 2
