"""The jobs that run monitors: they push histories, publish pages, and tell an alarm from an error."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from cicommands import workflow_commands
from citeam import PUSH_TOKEN, Team
from support import git

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def add_monitor(team: Team, host: str, *, first: int = 0, column: str = "amount") -> None:
    """Add training data, live data with values of `column` from `first` on, its monitor, and new workflows."""
    write_rows(team.root / "train.csv", 0, column)
    with (team.root / "dver.yaml").open("a") as file:
        file.write("monitors:\n  churn: {reference: train.csv, live: live.csv}\n")
    team.dver("add", "train.csv")
    team.dver("ci", "init", host, "--retrain", "--monitor", "--force")
    team.dver("profile", "train.csv")
    add_live(team, first, column)
    team.dver("push")


def write_rows(file: Path, first: int, column: str = "amount") -> None:
    """Write a table of 500 rows with values from `first` on."""
    rows = "\n".join(str(first + row % 50) for row in range(500))
    file.write_text(f"{column}\n{rows}\n")


def add_live(team: Team, first: int, column: str = "amount") -> None:
    """Commit live data on main and push it."""
    write_rows(team.root / "live.csv", first, column)
    commit(team, "Live data")


def commit(team: Team, message: str) -> None:
    """Commit all files on main and push it."""
    team.git("add", "--all")
    team.git("commit", "-qm", message)
    team.git("push", "-q", str(team.origin), "main")


def history(team: Team) -> list[str]:
    """The windows that main has on the server."""
    return git("show", "main:dver.monitor/churn.jsonl", cwd=team.origin).splitlines()


def test_the_monitor_pushes_its_history_and_pages(team: Team) -> None:
    add_monitor(team, "github")
    [job] = team.on_main("dver-monitor").values()
    assert job.ok, job.log
    assert len(history(team)) == 1
    assert git("log", "-1", "--format=%an %s", "main", cwd=team.origin).strip() == (
        "github-actions[bot] Monitor live data"
    )
    assert not (job.workspace / "train.csv").exists()
    assert "<html" in (team.github.folder / "artifacts/dver-monitor/churn.html").read_text()


def test_an_alarm_fails_the_job_after_the_push(team: Team) -> None:
    add_monitor(team, "github", first=5000)
    [job] = team.on_main("dver-monitor").values()
    assert job.step("Run the monitors").rc == 0, job.log
    assert job.step("Push the histories").rc == 1, job.log
    assert len(history(team)) == 1
    assert (team.github.folder / "artifacts/dver-monitor/churn.html").exists()


def test_histories_of_two_jobs_are_merged_after_a_rejected_push(team: Team) -> None:
    add_monitor(team, "github")
    old = team.git("rev-parse", "HEAD").strip()
    add_live(team, 1)
    assert team.on_main("dver-monitor")["monitor"].ok
    late = team.github.run(
        team.workflow("dver-monitor"), {}, sha=old, ref="refs/heads/main", secrets={}, host=team._host({})
    )["monitor"]
    assert late.ok, late.log
    assert "rejected" in late.step("Push the histories").output
    assert len(history(team)) == 2


def test_a_monitor_that_fails_fails_the_job(team: Team) -> None:
    add_monitor(team, "github")
    (team.root / "live.csv").unlink()
    commit(team, "Remove it")
    [job] = team.on_main("dver-monitor").values()
    assert job.step("Push the histories").rc == 2
    assert "no live data" in job.log


def test_without_new_windows_nothing_is_pushed(team: Team) -> None:
    add_monitor(team, "github")
    assert team.on_main("dver-monitor")["monitor"].ok
    pushed = git("rev-parse", "main", cwd=team.origin)
    again = team.on_main("dver-monitor")["monitor"]
    assert again.ok, again.log
    assert git("rev-parse", "main", cwd=team.origin) == pushed


def test_a_broken_installation_is_no_alarm(team: Team) -> None:
    """Python exits with 1 for an exception, as `dver monitor` does after an alarm."""
    add_monitor(team, "github", first=5000)
    program = shutil.which("dver", path=team.github.path)
    assert program is not None
    broken = f'if [ "$1" = monitor ]; then {sys.executable} -c "import dver.missing"; exit $?; fi'
    Path(program).write_text(Path(program).read_text().replace("\n", f"\n{broken}\n", 1))
    [job] = team.on_main("dver-monitor").values()
    assert "ModuleNotFoundError" in job.step("Run the monitors").output
    assert workflow_commands(job.step("Push the histories").output) == [
        "::error::A monitor failed, or its history could not be pushed."
    ]
    assert job.step("Push the histories").rc == 2


@pytest.mark.parametrize("column", ["::error::injected", "a ##[error]injected"])
def test_names_of_columns_are_no_commands_for_github(team: Team, column: str) -> None:
    add_monitor(team, "github", first=5000, column=column)
    [job] = team.on_main("dver-monitor").values()
    assert column in job.log
    found = [line for step in job.steps for line in workflow_commands(step.output)]
    assert found == ["::error::A monitor has an alarm: see the pages of this run."]


def test_tracked_live_data_is_downloaded(team: Team) -> None:
    (team.root / "live").mkdir()
    write_rows(team.root / "live/new.csv", 0)
    write_rows(team.root / "live/old.csv", 5000)
    team.dver("add", "live")
    add_monitor(team, "github")
    file = team.root / "dver.yaml"
    file.write_text(file.read_text().replace("live: live.csv", "live: live/new.csv"))
    team.dver("ci", "init", "github", "--monitor", "--force")
    commit(team, "Monitor tracked data")
    [job] = team.on_main("dver-monitor").values()
    assert job.ok, job.log
    assert len(history(team)) == 1
    assert [one.name for one in (job.workspace / "live").iterdir()] == ["new.csv"]


def test_gitlab_monitors_on_a_schedule(team: Team) -> None:
    add_monitor(team, "gitlab", first=5000)
    sha = team.git("rev-parse", "main").strip()
    schedule = {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"}
    job = team.on_gitlab(sha, {"GITLAB_PUSH_TOKEN": PUSH_TOKEN}, **schedule)["dver:monitor"]
    assert job.steps[0].rc == 80, job.log
    assert len(history(team)) == 1
    assert PUSH_TOKEN not in job.log
    assert (job.workspace / "dver-monitor/churn.html").exists()
