"""Checks that refuse data, through the command line: what is printed, exit codes, and the fix that is typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from checking import BAD, GOOD, SUITE, recorded_state
from githooks import FOLLOWING, put_dver_on_path, write_hooks
from support import Result, Run, git
from workspaces import Project

from dver.formats import lock, pointer

STAGE = (
    "stages: {make: {cmd: cp source.csv out.csv, deps: [source.csv], outs: [out.csv: {checks: {rows: {max: 3}}}]}}\n"
)
MODEL = "artifacts: {rows: {path: people.csv, type: dataset}}\n"


@pytest.fixture
def repo(run: Run, git_repo: Path) -> Path:
    run("init", "--no-hooks", cwd=git_repo)
    (git_repo / "dver.checks.yaml").write_text(SUITE)
    (git_repo / "dver.yaml").write_text(STAGE + MODEL)
    (git_repo / "people.csv").write_bytes(BAD)
    (git_repo / "source.csv").write_bytes(BAD)
    git("add", "dver.checks.yaml", "dver.yaml", "source.csv", cwd=git_repo)
    git("commit", "-qm", "Checks", cwd=git_repo)
    return git_repo


def fix_commands(result: Result) -> list[list[str]]:
    """The dver commands in the fix line of an error."""
    line = result.err.rpartition("fix: ")[2].splitlines()[0]
    found = re.findall(r"`(dver [^`]*)`", line) + re.findall(r"them: (dver .*)$", line)
    assert found, result.err
    return [shlex.split(one)[1:] for one in found]


def statuses(run: Run, repo: Path) -> dict[str, str]:
    """The states of all experiments, by name."""
    rows = run("exp", "show", "--json", cwd=repo).json
    return {one["name"]: one["status"] for one in rows if one.get("status")}


def test_add_refuses_says_why_and_its_fix_overrides(run: Run, repo: Path) -> None:
    refused = run("add", "people.csv", cwd=repo, rc=1)
    assert refused.out == ""
    assert "error: people.csv fails 1 critical check\n" in refused.err
    assert "why: rows: expected" in refused.err
    assert "warning: check failed: people.csv id unique" in refused.err
    assert not (repo / "people.csv.dver").exists()
    show, override = fix_commands(refused)
    assert "people.csv" in run(*show, cwd=repo, rc=1).out
    added = run(*override, cwd=repo)
    assert added.out.startswith("added people.csv")
    assert "checks of people.csv were skipped; its pointer says so" in added.err
    assert pointer.decode((repo / "people.csv.dver").read_bytes()).checks_skipped


def test_a_refused_add_changes_nothing_with_hooks_in_place(
    run: Run, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    write_hooks(repo, [*FOLLOWING, "pre-commit"])
    (repo / "set").mkdir()
    (repo / "set/a").write_text("a")
    before = recorded_state(Project(repo))
    run("add", "set", "people.csv", cwd=repo, rc=1)
    assert recorded_state(Project(repo)) == before


def test_add_prints_warnings_and_json_has_all_results(run: Run, repo: Path) -> None:
    (repo / "people.csv").write_bytes(b"id,age\n1,30\n1,40\n")
    shown = run("add", "people.csv", cwd=repo)
    assert "warning: check failed: people.csv id unique: expected" in shown.err
    (checked,) = run("add", "--json", "people.csv", cwd=repo).json["checked"]
    assert [(one["rule"], one["outcome"]) for one in checked["results"]] == [("rows", "passed"), ("unique", "failed")]


def test_a_stage_is_refused_and_the_fix_records_its_outputs(run: Run, repo: Path) -> None:
    refused = run("repro", cwd=repo, rc=10)
    assert "error: stage 'make': out.csv fails 1 critical check\n" in refused.err
    assert (repo / "out.csv").read_bytes() == BAD
    show, override = fix_commands(refused)
    assert "out.csv" in run(*show, cwd=repo, rc=1).out
    run(*override, cwd=repo)
    assert lock.decode((repo / "dver.lock").read_bytes()).stages["make"].outs[0].checks_skipped
    assert run("repro", "--dry-run", cwd=repo).out == "everything is up to date\n"


def test_an_experiment_fails_with_its_stage_and_can_override(run: Run, repo: Path) -> None:
    refused = run("exp", "run", "--name", "strict", cwd=repo, rc=10)
    assert "out.csv fails 1 critical check" in refused.err
    assert not (repo / "dver.lock").exists()
    run("exp", "run", "--name", "loose", "--no-checks", cwd=repo)
    assert "checks: skipped" in (repo / "dver.lock").read_text()
    assert statuses(run, repo) == {"strict": "failed", "loose": "done"}


def test_queued_experiments_are_checked_and_can_override(run: Run, repo: Path) -> None:
    run("exp", "run", "--queue", "--name", "strict", cwd=repo)
    run("exp", "run", "--queue", "--name", "loose", "--no-checks", cwd=repo)
    run("queue", "start", cwd=repo, rc=None)
    assert statuses(run, repo) == {"strict": "failed", "loose": "done"}


def test_register_refuses_and_its_fix_registers(run: Run, repo: Path) -> None:
    run("add", "--no-checks", "people.csv", cwd=repo)
    git("commit", "-qm", "Data", cwd=repo)
    refused = run("model", "register", "rows", "--require-checks", cwd=repo, rc=1)
    assert "error: 'rows' is not registered: people.csv fails 1 critical check\n" in refused.err
    assert "register it without --require-checks" in refused.err
    run("model", "register", "rows", cwd=repo)
    shown = run("model", "show", "rows@latest", cwd=repo).out
    line = next(one for one in shown.splitlines() if one.startswith("checks"))
    assert line.split(maxsplit=1)[1] == "0 passed, 1 critical failed, 1 warning, skipped for people.csv"
    card = run("model", "card", "rows@latest", cwd=repo).out
    assert "people.csv" in card.partition("Checks")[2]
    run("model", "export", "rows@latest", "-o", "package", cwd=repo)
    assert "checks of its data: 0 passed, 1 critical failed" in (repo / "package/README.md").read_text()


def test_stage_list_names_outputs_with_checks(run: Run, repo: Path) -> None:
    assert run("stage", "list", cwd=repo).out.split() == ["make", "outs:", "out.csv;", "checks:", "out.csv"]
    assert run("stage", "list", "--json", cwd=repo).json[0]["checks"] == ["out.csv"]


def test_good_data_passes_without_a_word(run: Run, repo: Path) -> None:
    (repo / "people.csv").write_bytes(GOOD)
    (repo / "source.csv").write_bytes(GOOD)
    assert "check" not in run("add", "people.csv", cwd=repo).err.replace("dver.checks.yaml", "")
    run("repro", cwd=repo)


def test_results_travel_with_the_profiles_to_a_clone_without_the_data(run: Run, repo: Path, tmp_path: Path) -> None:
    run("remote", "add", "-d", "origin", tmp_path / "remote", cwd=repo)
    (repo / "people.csv").write_bytes(GOOD)
    run("add", "people.csv", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Good", cwd=repo)
    (repo / "people.csv").write_bytes(BAD)
    run("add", "--no-checks", "people.csv", cwd=repo)
    git("commit", "-qm", "Bad", cwd=repo)
    report = ("report", "--against", "HEAD~1", "--json")
    run("check", "data", "people.csv", cwd=repo, rc=1)
    here = run(*report, cwd=repo).json["sections"]["checks"]
    run("push", "--all-commits", cwd=repo)
    git("clone", "-q", repo, tmp_path / "clone", cwd=tmp_path)
    clone = tmp_path / "clone"
    run("fetch", "--profiles", cwd=clone)
    run("fetch", "--profiles", "--rev", "HEAD~1", cwd=clone)
    found = run(*report, cwd=clone).json["sections"]["checks"]
    assert found == here
    assert [(one["rule"], one["before"], one["skipped"]) for one in found["failed"]] == [
        ("rows", "passed", True),
        ("unique", "passed", True),
    ]
    assert not (clone / "people.csv").exists()
