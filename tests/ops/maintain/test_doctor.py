"""Examining through the library."""

from __future__ import annotations

from pathlib import Path

import pytest

from dver.maintenance.project_checks import Level
from dver.ops.maintain import doctor as module
from dver.ops.maintain.doctor import doctor
from dver.ops.track.init import init


def test_findings_are_counted_by_level(git_repo: Path) -> None:
    assert (doctor(git_repo).problems, doctor(git_repo).warnings) == (0, 1)
    init(git_repo)
    (git_repo / "bad.dver").write_text("version: 99\n")
    found = doctor(git_repo, offline=True)
    assert (found.problems, found.warnings) == (1, 0)
    (problem,) = [finding for finding in found.findings if finding.level is Level.PROBLEM]
    assert problem.topic == "pointers"
    assert problem.fix == "upgrade dver"


def test_an_old_git_and_a_missing_library_are_problems(git_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.git_repo, "version", lambda: (2, 20, 1))
    monkeypatch.setattr(module, "_NEEDED_TOO", ("no-such-library",))
    texts = [finding.text for finding in doctor(git_repo).findings if finding.level is Level.PROBLEM]
    assert texts == ["not installed: no-such-library", "git 2.20.1 is too old"]


def test_without_git_everything_else_is_still_told(git_repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init(git_repo)
    monkeypatch.setenv("PATH", "/nonexistent")
    found = doctor(git_repo, offline=True)
    assert any("git is not installed" in finding.text for finding in found.findings)
    assert any(finding.topic == "disk" for finding in found.findings)
