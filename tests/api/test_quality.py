from __future__ import annotations

from pathlib import Path

import pytest

import dver


def test_rules_are_proposed_and_checked(project: dver.Project) -> None:
    (project.root / "t.csv").write_text("x\n" + "1\n" * 30)
    proposed = project.checks.init("t.csv", dry_run=True)
    assert not (project.root / "dver.checks.yaml").exists()
    assert project.checks.init("t.csv").rules == proposed.rules
    assert project.check.data("t.csv").passed
    (project.root / "t.csv").write_text("x\nword\n")
    result = project.check.data(rows=1, html="out/checks.html", junit="out/checks.xml")
    assert not result.passed
    assert [one.rule for one in result.checked[0].critical] == ["rows", "type"]
    assert sorted(path.name for path in Path(project.root / "out").iterdir()) == ["checks.html", "checks.xml"]
    with pytest.raises(dver.UsageError, match="no checks for"):
        project.check.data("data")
