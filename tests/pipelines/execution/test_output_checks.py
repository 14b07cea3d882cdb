"""Checks of outputs: after a stage ran, and before its lock entry is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import recorded_state
from workspaces import Project, write

from dver.formats import lock
from dver.gates.errors import FailedOutputChecksError
from dver.ops.run.commit import CommitResult, commit
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState
from dver.pipelines.execution.repro import ReproOptions, ReproResult, repro

PIPELINE = """\
stages:
  make:
    cmd: cp source.csv out.csv
    deps: [source.csv]
    outs:
    - out.csv:
        checks:
          rows: {max: 3}
          columns: {id: {unique: {value: true, severity: warning}}}
  use:
    cmd: cp out.csv used
    deps: [out.csv]
    outs: [used]
"""
GOOD = b"id,age\n1,30\n2,40\n"
OTHER = b"id,age\n1,30\n1,50\n"
BAD = b"id,age\n1,30\n2,40\n3,50\n4,60\n"
MAKE, USE = Address("", "make"), Address("", "use")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project.make(tmp_path / "repo")
    write(found.root, {"dver.yaml": PIPELINE.encode(), "source.csv": GOOD})
    return found


def run(project: Project, *targets: str, **options: bool) -> ReproResult:
    with project.opened() as repo:
        return repro(repo, ReproOptions(targets, **options), cwd=project.root)


def record(project: Project, *targets: str, checks: bool = True) -> CommitResult:
    with project.opened() as repo:
        return commit(repo, targets, cwd=project.root, confirm=lambda *_: True, force=True, checks=checks)


def locked(project: Project) -> lock.Lock:
    return lock.decode((project.root / "dver.lock").read_bytes())


def skipped(project: Project) -> dict[str, bool]:
    return {item.path: item.checks_skipped for stage in locked(project).stages.values() for item in stage.outs}


def test_an_output_that_passes_is_recorded_and_a_warning_is_a_result(project: Project) -> None:
    write(project.root, {"source.csv": OTHER})
    found = run(project)
    assert found.states == {MAKE: StageState.DONE, USE: StageState.DONE}
    assert [one.rule for data in found.checked for one in data.warnings] == ["unique"]
    assert skipped(project) == {"out.csv": False, "used": False}


def test_a_failed_critical_check_fails_the_stage_and_leaves_lock_and_store_as_they_were(project: Project) -> None:
    run(project)
    write(project.root, {"source.csv": BAD})
    before = recorded_state(project)
    found = run(project)
    assert found.states == {MAKE: StageState.FAILED, USE: StageState.BLOCKED}
    assert isinstance(found.errors[MAKE], FailedOutputChecksError)
    after = recorded_state(project)
    assert after["worktree"].pop(b"out.csv") == ("file", BAD)  # for inspection
    before["worktree"].pop(b"out.csv")
    assert after == before


def test_the_run_cache_does_not_keep_a_run_whose_outputs_failed(project: Project) -> None:
    write(project.root, {"source.csv": BAD})
    assert run(project).states[MAKE] is StageState.FAILED
    (project.root / "out.csv").unlink()
    found = run(project)
    assert found.states[MAKE] is StageState.FAILED
    assert MAKE in found.seconds  # it ran again


def test_other_stages_go_on_beside_the_failed_one(project: Project) -> None:
    text = PIPELINE + "  apart: {cmd: echo > apart, outs: [apart]}\n"
    write(project.root, {"dver.yaml": text.encode(), "source.csv": BAD})
    found = run(project, keep_going=True)
    assert found.states == {
        MAKE: StageState.FAILED, USE: StageState.BLOCKED, Address("", "apart"): StageState.DONE,
    }  # fmt: skip
    assert set(locked(project).stages) == {"apart"}


def test_no_checks_is_recorded_in_the_lock_and_not_in_the_run_cache(project: Project) -> None:
    write(project.root, {"source.csv": BAD})
    found = run(project, checks=False)
    assert found.succeeded
    assert skipped(project) == {"out.csv": True, "used": False}
    (project.root / "dver.lock").unlink()
    (project.root / "out.csv").unlink()
    assert run(project, "make").states[MAKE] is StageState.FAILED


def test_the_record_of_skipped_checks_ends_with_a_run_that_passes(project: Project) -> None:
    write(project.root, {"source.csv": BAD})
    run(project, checks=False)
    write(project.root, {"source.csv": GOOD})
    run(project)
    assert not any(skipped(project).values())


def test_a_failed_stage_can_be_recorded_with_dver_commit_no_checks(project: Project) -> None:
    write(project.root, {"source.csv": BAD})
    run(project)
    with pytest.raises(FailedOutputChecksError):
        record(project, "make")
    assert record(project, "make", checks=False).recorded == (MAKE,)
    assert skipped(project) == {"out.csv": True}
    assert run(project).states == {MAKE: StageState.UP_TO_DATE, USE: StageState.DONE}


def test_a_recorded_override_is_taken_back_by_a_commit_of_good_data(project: Project) -> None:
    run(project, checks=False)
    assert skipped(project)["out.csv"]
    record(project, "make")
    assert not skipped(project)["out.csv"]


def test_a_cached_run_is_checked_by_the_rules_of_today(project: Project) -> None:
    run(project)
    write(project.root, {"source.csv": OTHER})
    run(project)
    write(project.root, {"source.csv": GOOD, "dver.yaml": PIPELINE.replace("max: 3", "max: 1").encode()})
    found = run(project, "make")
    assert found.states[MAKE] is StageState.FAILED
    assert MAKE not in found.seconds  # its outputs were restored


def test_a_suite_beside_an_output_counts_too(project: Project) -> None:
    plain = "stages:\n  make: {cmd: cp source.csv out.csv, deps: [source.csv], outs: [out.csv]}\n"
    write(project.root, {"dver.yaml": plain.encode(), "dver.checks.yaml": b"checks: {out.csv: {rows: {max: 1}}}\n"})
    assert run(project).states[MAKE] is StageState.FAILED


def test_parallel_stages_are_each_checked(project: Project) -> None:
    stages = "".join(
        f"  s{n}:\n    cmd: cp source.csv out{n}.csv\n    deps: [source.csv]\n"
        f"    outs: [out{n}.csv: {{checks: {{rows: {{max: {n}}}}}}}]\n"
        for n in range(1, 4)
    )
    write(project.root, {"dver.yaml": f"stages:\n{stages}".encode()})
    with project.opened() as repo:
        found = repro(repo, ReproOptions(keep_going=True, jobs=3), cwd=project.root)
    assert [state for _, state in sorted(found.states.items(), key=lambda one: one[0].name)] == [
        StageState.FAILED, StageState.DONE, StageState.DONE,
    ]  # fmt: skip
