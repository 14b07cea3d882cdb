"""The pre-commit hook and data that fails its checks."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from checking import BAD, GOOD, SUITE, add_data, recorded_state, write_suite
from githooks import put_dver_on_path, write_hooks
from support import run_dver
from workspaces import Project, write

from dver.git.staged import staged
from dver.gitflow.commit.pointer_checks import CommitProblem
from dver.ops.git.pre_commit import pre_commit
from dver.pipelines.execution.repro import ReproOptions, repro

STRICT = SUITE.replace("max: 3", "max: 2")
STAGE = "stages: {make: {cmd: cp source.csv out.csv, deps: [source.csv], outs: [out.csv%s]}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project.make(tmp_path / "repo")
    write_suite(found)
    write(found.root, {"people.csv": GOOD})
    return found


def problems(project: Project) -> tuple[CommitProblem, ...]:
    with project.opened() as repo:
        return pre_commit(repo, staged(repo.git)).problems


def run(project: Project) -> bool:
    with project.opened() as repo:
        return repro(repo, ReproOptions(), cwd=project.root).succeeded


def test_data_that_passes_is_committed_without_another_check(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    add_data(project, "people.csv")
    monkeypatch.setattr("dver.gates.data_checks.rule_results", None)
    assert problems(project) == ()


def test_data_that_fails_the_rules_of_the_commit_is_refused(project: Project) -> None:
    add_data(project, "people.csv")
    write_suite(project, STRICT)
    (found,) = problems(project)
    assert (found.path, found.what) == (b"people.csv.dver", "its data fails critical checks")
    assert "rows: expected" in (found.why or "")


def test_the_staged_content_is_checked_also_if_the_workspace_has_other_content(project: Project) -> None:
    add_data(project, "people.csv")
    write(project.root, {"people.csv": b"id,age\n1,30\n"})
    write_suite(project, STRICT)
    assert [one.path for one in problems(project)] == [b"people.csv.dver"]


def test_a_pattern_refuses_staged_files_also_if_the_workspace_has_none_of_them(project: Project) -> None:
    write(project.root, {"dat/a.csv": b"a\n2\n"})
    add_data(project, "dat")
    write_suite(project, "checks: {'dat/*.csv': {columns: {a: {max: 1}}}}\n")
    shutil.rmtree(project.root / "dat")
    (found,) = problems(project)
    assert (found.path, found.what) == (b"dat.dver", "its data fails critical checks")


def test_results_are_kept_for_the_next_commit(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    add_data(project, "people.csv")
    write_suite(project, STRICT)
    assert problems(project)
    monkeypatch.setattr("dver.gates.data_checks.rule_results", None)
    assert problems(project)


def test_data_whose_checks_were_skipped_is_committed(project: Project) -> None:
    write(project.root, {"people.csv": BAD})
    add_data(project, "people.csv", checks=False)
    assert problems(project) == ()


def test_a_rule_about_the_previous_version_is_not_answered_from_kept_results(project: Project) -> None:
    write_suite(project, "checks: {people.csv: {rows: {change: 10 %}}}\n")
    add_data(project, "people.csv")
    first = project.commit()
    write(project.root, {"people.csv": BAD})
    add_data(project, "people.csv", checks=False)
    project.commit()
    write(project.root, {"people.csv": GOOD})
    project.git("checkout", first, "--", "people.csv.dver")  # 4 rows before, and 3 now
    assert [one.path for one in problems(project)] == [b"people.csv.dver"]


def test_outputs_of_a_staged_lock_are_checked(project: Project) -> None:
    write(project.root, {"dver.yaml": (STAGE % "").encode(), "source.csv": GOOD})
    assert run(project)
    assert problems(project) == ()
    write(project.root, {"dver.yaml": (STAGE % ": {checks: {rows: {max: 1}}}").encode()})
    (found,) = problems(project)
    assert found.path == b"dver.lock"


def test_data_that_is_not_here_does_not_stop_a_commit(project: Project, tmp_path: Path) -> None:
    add_data(project, "people.csv")
    project.commit()
    clone = project.clone(tmp_path / "clone", share=False)
    write_suite(clone, STRICT)
    pointer = clone.root / "people.csv.dver"
    pointer.write_text("desc: people\n" + pointer.read_text())
    clone.git("add", pointer)
    assert problems(clone) == ()


def _typed(shown: str, project: Project) -> None:
    """Type the last command of the fix line."""
    (fix,) = [line for line in shown.splitlines() if line.strip().startswith("fix:")]
    command = shlex.split(fix.rpartition(": ")[2])
    assert command[0] == "dver"
    run_dver(*command[1:], cwd=project.root)


@pytest.mark.parametrize("kind", ["data", "output", "unreadable"])
def test_git_commit_is_refused_and_the_fix_overrides(
    project: Project, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    write_hooks(project.root, ["pre-commit"])
    if kind == "data":
        add_data(project, "people.csv")
        write_suite(project, STRICT)
    elif kind == "unreadable":
        write(project.root, {"rag.csv": b"a,b\n1\n"})
        add_data(project, "rag.csv")
        write_suite(project, "checks: {rag.csv: {rows: 1}}\n")
    else:
        write(project.root, {"dver.yaml": (STAGE % "").encode(), "source.csv": GOOD})
        run(project)
        write(project.root, {"dver.yaml": (STAGE % ": {checks: {rows: {max: 1}}}").encode()})
        project.git("add", "dver.yaml", "source.csv")
    command = ["git", "commit", "-qm", "Data"]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True)
    assert done.returncode == 1
    assert ("cannot be checked" if kind == "unreadable" else "fails critical checks") in done.stderr
    _typed(done.stderr, project)
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_hook_that_adds_changed_data_checks_it_first(project: Project) -> None:
    add_data(project, "people.csv")
    project.commit()
    (project.root / ".git/dver/config.toml").write_text('[hooks]\npre_commit = "add"\n')
    write(project.root, {"people.csv": BAD})
    before = recorded_state(project)
    (found,) = problems(project)
    assert found.what == "people.csv fails 1 critical check"
    assert recorded_state(project) == before


def test_sql_reads_the_staged_content(project: Project) -> None:
    add_data(project, "people.csv")
    write(project.root, {"people.csv": BAD})
    write_suite(project, "checks: {people.csv: {sql: [many: SELECT id FROM data WHERE CAST(id AS INT) > 3]}}\n")
    assert problems(project) == ()
    write_suite(project, "checks: {people.csv: {sql: [many: SELECT id FROM data WHERE CAST(id AS INT) > 2]}}\n")
    assert len(problems(project)) == 1
