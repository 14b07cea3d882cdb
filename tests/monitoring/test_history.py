"""Histories in a project: recorded, staged, merged by Git."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from monitored import DRIFTED, window
from support import git
from workspaces import Project

from dver.core.errors import CorruptError, UsageError
from dver.formats import monitor_history
from dver.monitoring import history
from dver.monitoring.history import existing_history, latest_alarm, monitor_names, read_history, record_windows
from dver.repo import Repository


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repository]:
    project = Project.make(tmp_path / "project")
    with Repository.open(project.root) as repo:
        yield repo


def lines(repo: Repository) -> list[str]:
    return (repo.root / "dver.monitor/churn.jsonl").read_text().splitlines()


def test_windows_are_recorded_and_staged(repo: Repository) -> None:
    assert record_windows(repo, "churn", [window(2), window(1)]) == (window(1), window(2))
    assert read_history(repo, "churn") == (window(1), window(2))
    assert git("diff", "--cached", "--name-only", cwd=repo.root).split() == [
        "dver.monitor/.gitattributes",
        "dver.monitor/churn.jsonl",
    ]


def test_a_window_that_is_recorded_again_is_replaced(repo: Repository) -> None:
    record_windows(repo, "churn", [window(1), window(2)])
    record_windows(repo, "churn", [window(1, rows=7, recorded="2026-11-30T13:00:00Z")])
    assert [one.rows for one in read_history(repo, "churn")] == [7, 100]


def test_repeating_a_command_changes_nothing(repo: Repository) -> None:
    record_windows(repo, "churn", [window(1)])
    before = lines(repo)
    record_windows(repo, "churn", [window(1, recorded="2026-11-30T13:00:00Z")])
    assert lines(repo) == before


def test_the_latest_window_decides_about_an_alarm(repo: Repository) -> None:
    assert latest_alarm(repo, "churn") is None
    record_windows(repo, "churn", [window(1, drifted=(DRIFTED,))])
    found = latest_alarm(repo, "churn")
    assert found is not None
    assert found.id == "day/2026-11-01"
    record_windows(repo, "churn", [window(2)])
    assert latest_alarm(repo, "churn") is None


def test_two_branches_that_add_windows_merge_without_a_conflict(repo: Repository) -> None:
    root = repo.root
    record_windows(repo, "churn", [window(5)])
    git("commit", "-qm", "base", cwd=root)
    git("checkout", "-qb", "other", cwd=root)
    record_windows(repo, "churn", [window(1), window(7), window(6, rows=1)])
    git("commit", "-qm", "other", cwd=root)
    git("checkout", "-q", "-", cwd=root)
    record_windows(repo, "churn", [window(6, rows=2, recorded="2026-11-30T13:00:00Z"), window(8), window(5, rows=3)])
    git("commit", "-qm", "main", cwd=root)
    git("merge", "-q", "other", cwd=root)
    assert git("status", "--porcelain", cwd=root) == ""
    found = [(one.start[8:10], one.rows) for one in read_history(repo, "churn")]
    assert found == [("01", 100), ("05", 3), ("06", 2), ("07", 100), ("08", 100)]
    record_windows(repo, "churn", [window(9)])
    assert len(lines(repo)) == 6


def test_branches_that_each_begin_a_history_merge_without_a_conflict(repo: Repository) -> None:
    root = repo.root
    git("commit", "-qm", "base", "--allow-empty", cwd=root)
    git("checkout", "-qb", "other", cwd=root)
    record_windows(repo, "churn", [window(1)])
    git("commit", "-qm", "other", cwd=root)
    git("checkout", "-q", "-", cwd=root)
    record_windows(repo, "churn", [window(2)])
    git("commit", "-qm", "main", cwd=root)
    git("merge", "-q", "other", cwd=root)
    assert read_history(repo, "churn") == (window(1), window(2))


def test_an_unknown_monitor_is_refused_with_those_that_exist(repo: Repository) -> None:
    with pytest.raises(UsageError, match="no monitor"):
        existing_history(repo, "churn")
    record_windows(repo, "churn", [window(1)])
    (repo.root / "dver.monitor/notes.txt").write_text("not a history")
    assert monitor_names(repo) == ["churn"]
    with pytest.raises(UsageError, match="did you mean 'churn'"):
        existing_history(repo, "chrun")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", ".git", "a" * 101])
def test_a_name_is_a_safe_file_name(repo: Repository, name: str) -> None:
    with pytest.raises(UsageError, match="invalid name"):
        record_windows(repo, name, [window(1)])


def test_a_corrupt_history_is_named_and_left_as_it_is(repo: Repository) -> None:
    record_windows(repo, "churn", [window(1)])
    file = repo.root / "dver.monitor/churn.jsonl"
    file.write_bytes(file.read_bytes() + b"{}\n")
    before = file.read_bytes()
    with pytest.raises(CorruptError, match="churn") as error:
        record_windows(repo, "churn", [window(2)])
    assert "git restore" in str(error.value.fix)
    assert file.read_bytes() == before


def test_a_history_is_not_written_through_a_link(repo: Repository, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (repo.root / "dver.monitor").symlink_to(outside)
    with pytest.raises(UsageError, match="symbolic link"):
        record_windows(repo, "churn", [window(1)])
    assert list(outside.iterdir()) == []


def test_a_history_that_would_be_too_large_is_refused_and_can_be_renamed(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (history, monitor_history):
        monkeypatch.setattr(module, "MAX_SIZE", 1000)
    record_windows(repo, "churn", [window(day) for day in range(1, 6)])
    before = lines(repo)
    with pytest.raises(UsageError, match="would be too large") as error:
        record_windows(repo, "churn", [window(6)])
    assert lines(repo) == before
    assert str(error.value.fix).endswith("git mv dver.monitor/churn.jsonl dver.monitor/churn-1.jsonl")
    git("mv", "dver.monitor/churn.jsonl", "dver.monitor/churn-1.jsonl", cwd=repo.root)
    assert record_windows(repo, "churn", [window(6)]) == (window(6),)
    assert len(read_history(repo, "churn-1")) == 5
    with pytest.raises(UsageError, match="would be too large") as error:
        record_windows(repo, "churn", [window(day) for day in range(1, 9)])
    assert "fewer windows" in str(error.value.fix)


def test_of_very_many_drifted_columns_the_first_and_the_outputs_are_recorded(repo: Repository) -> None:
    columns = [replace(DRIFTED, name=f"column{at}") for at in range(10_000)]
    columns[5_000] = replace(columns[5_000], role="target")
    given = window(1, drifted=tuple(columns), columns=10_000)
    (found,) = record_windows(repo, "churn", [given])
    assert read_history(repo, "churn") == (found,)
    assert [one.name for one in found.drifted] == ["column5000", *(f"column{at}" for at in range(99))]
    assert (found.more_drifted, found.drifted_count) == (9_900, 10_000)
    assert found.alarms[-1] == "9,900 more columns"
    before = lines(repo)
    assert len(before[0]) < 20_000
    record_windows(repo, "churn", [replace(given, recorded="2026-11-30T13:00:00Z")])
    assert lines(repo) == before


def test_a_history_that_is_too_large_says_what_repairs_it(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    record_windows(repo, "churn", [window(day) for day in range(1, 6)])
    for module in (history, monitor_history):
        monkeypatch.setattr(module, "MAX_SIZE", 500)
    with pytest.raises(CorruptError, match="too large") as error:
        read_history(repo, "churn")
    assert "move them into another file" in str(error.value.fix)


def test_the_error_of_a_damaged_history_names_what_has_a_whole_version(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "damaged")
    path = project.root / "dver.monitor/churn.jsonl"
    with project.opened() as repo:
        record_windows(repo, "churn", [window(1)])
    project.commit()
    path.write_text("{")
    (project.root / "sub").mkdir()

    def fix() -> str | None:
        with Repository.open(project.root / "sub") as repo, pytest.raises(CorruptError, match="line 1") as error:
            read_history(repo, "churn")
        return error.value.fix

    assert fix() == "restore the file: git restore ../dver.monitor/churn.jsonl"
    project.git("add", "dver.monitor")
    assert fix() == "restore the file: git checkout HEAD -- ../dver.monitor/churn.jsonl"
    project.commit("Damaged")
    assert fix() == "delete that line, or restore an earlier version: git log --oneline -- ../dver.monitor/churn.jsonl"
    path.write_text("<<<<<<< HEAD\n")
    assert fix() == "delete the lines with <<<<<<<, ======= and >>>>>>>: all others belong in the file"
