from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from checking import add_data
from workspaces import Project, write

import dver
from dver.checks.result import RuleOutcome, Severity
from dver.checks.suite.find import suites_for
from dver.core.errors import ConflictError, PipelineError, UsageError
from dver.gates.errors import FailedChecksError
from dver.ops.quality.check_data import CheckedPaths, check_data
from dver.ops.quality.init_checks import init_checks

PEOPLE = b"id,age\n1,30\n2,40\n3,50\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a tracked file and a tracked directory, and rules for both."""
    made = Project.make(tmp_path / "project")
    files = {"data/people.csv": PEOPLE, "parts/a.csv": b"x\n1\n", "parts/b.csv": b"x\n2\n"}
    write(made.root, files)
    made.save("data/people.csv", "parts")
    (made.root / "dver.checks.yaml").write_text(
        "checks:\n"
        "  data/people.csv: {rows: {min: 1, change: 50 %}, columns: {age: {max: 45}}}\n"
        "  parts: {rows: 2, expressions: x < 2}\n"
    )
    return made


def check(
    project: Project, *paths: str, rev: str | None = None, rows: int = 0, cwd: Path | None = None
) -> CheckedPaths:
    with project.opened() as repo:
        return check_data(repo, paths, cwd=cwd or project.root, rev=rev, rows=rows)


def failed(result: CheckedPaths) -> dict[str, list[str]]:
    return {one.path: [rule.rule for rule in one.results if not rule.ok] for one in result.checked}


def test_all_data_with_rules_is_checked(project: Project) -> None:
    result = check(project)
    assert failed(result) == {"data/people.csv": ["max"], "parts": ["expression"]}
    assert not result.passed
    assert [one.suite for one in result.checked] == ["dver.checks.yaml"] * 2
    assert all(one.oid is not None for one in result.checked)


def test_paths_choose_what_is_checked(project: Project) -> None:
    assert list(failed(check(project, "data"))) == ["data/people.csv"]
    assert list(failed(check(project, "people.csv", cwd=project.root / "data"))) == ["data/people.csv"]
    assert list(failed(check(project, "parts/a.csv"))) == ["parts"]


def test_data_without_rules_is_an_error_that_names_the_verb_that_proposes_some(project: Project) -> None:
    write(project.root, {"other.csv": b"x\n1\n"})
    with pytest.raises(UsageError) as caught:
        check(project, "other.csv")
    assert caught.value.fix == "`dver checks init other.csv` proposes rules from the data"


def test_each_path_needs_rules(project: Project) -> None:
    write(project.root, {"other.csv": b"x\n1\n"})
    with pytest.raises(UsageError, match=r"no checks for other\.csv") as caught:
        check(project, "parts", "other.csv", "data")
    assert caught.value.fix == "`dver checks init other.csv` proposes rules from the data"
    with pytest.raises(UsageError, match=r"no checks for other\.csv"):
        check(project, "data", "other.csv")


def test_a_misspelled_path_is_an_error_beside_others(project: Project) -> None:
    with pytest.raises(UsageError, match=r"no data at 'people\.cvs'") as caught:
        check(project, "parts", "people.cvs")
    assert caught.value.fix == "did you mean 'data/people.csv'?"
    with pytest.raises(UsageError, match="no data at 'prts' at HEAD"):
        check(project, "parts", "prts", rev="HEAD")


def test_the_pointer_of_data_names_the_data(project: Project) -> None:
    assert list(failed(check(project, "parts.dver"))) == ["parts"]


def test_a_directory_is_one_table_and_rows_name_their_file(project: Project) -> None:
    (checked,) = check(project, "parts", rows=3).checked
    (row,) = checked.results[1].rows
    assert row == (("file", "b.csv"), ("row", "1"), ("x", "2"))


def test_the_data_of_a_revision_is_checked_against_the_rules_of_today(project: Project) -> None:
    write(project.root, {"data/people.csv": b"id,age\n1,30\n"})
    assert failed(check(project, "data")) == {"data/people.csv": ["rows-change"]}
    assert failed(check(project, "data", rev="HEAD")) == {"data/people.csv": ["max"]}
    (project.root / "data/people.csv").unlink()
    assert failed(check(project, "data", rev="HEAD", rows=1)) == {"data/people.csv": ["max"]}


def test_the_previous_version_of_a_revision_is_its_parent(project: Project) -> None:
    write(project.root, {"data/people.csv": b"id,age\n1,30\n"})
    add_data(project, "data/people.csv", checks=False)
    project.commit()
    (before,) = (one for one in check(project, "data", rev="HEAD").checked[0].results if one.rule == "rows-change")
    assert before.found == "1 row after 3 (-66.7 %)"
    (first,) = (one for one in check(project, "data", rev="HEAD^").checked[0].results if one.rule == "rows-change")
    assert "no previous version" in first.found


def test_data_that_is_missing_fails_and_the_rest_is_checked(project: Project) -> None:
    with (project.root / "dver.checks.yaml").open("a") as file:
        file.write("  nope.csv: {rows: 1}\n")
    result = check(project)
    assert failed(result)["nope.csv"] == ["data"]
    assert failed(result)["parts"] == ["expression"]


def test_a_table_that_cannot_be_read_fails_and_the_rest_is_checked(project: Project) -> None:
    write(project.root, {"data/people.csv": b"id,age\n1,30\n2\n"})
    result = check(project)
    assert failed(result) == {"data/people.csv": ["data"], "parts": ["expression"]}
    assert "row 2" in result.checked[0].results[0].found


@pytest.mark.parametrize(
    ("rules", "severity"),
    [
        ("{columns: {x: {max: 5, nulls: 0}}, key: x}", Severity.CRITICAL),
        ("{rows: {min: 1, severity: warning}}", Severity.WARNING),
        ("{rows: {change: 500 %}}", Severity.CRITICAL),
        ("[{collection: a.csv, rows: 1}, {rows: 1}]", Severity.CRITICAL),
    ],
)
def test_a_directory_with_a_table_that_cannot_be_read_fails(project: Project, rules: str, severity: Severity) -> None:
    write(project.root, {"parts/b.csv": b"x\n999\n3,4\n"})
    (project.root / "dver.checks.yaml").write_text(f"checks: {{parts: {rules}}}\n")
    (result,) = (one for one in check(project, "parts").checked[0].results if not one.ok)
    assert (result.rule, result.severity, result.found) == ("unreadable", severity, "1 of 2 files: b.csv")
    if severity is Severity.CRITICAL:
        with pytest.raises(FailedChecksError, match="parts fails 1 critical check"):
            add_data(project, "parts")
    else:
        assert [one.rule for one in add_data(project, "parts").checked[0].warnings] == ["unreadable"]


def test_a_rule_about_unreadable_files_decides_how_many_are_allowed(project: Project) -> None:
    write(project.root, {"parts/b.csv": b"x\n999\n3,4\n"})
    for rules in ("{rows: 1, unreadable: 1}", "[{rows: 1}, {collection: a.csv, unreadable: 50 %}]"):
        (project.root / "dver.checks.yaml").write_text(f"checks: {{parts: {rules}}}\n")
        assert failed(check(project, "parts")) == {"parts": []}


def test_a_csv_file_with_mixed_line_ends_is_scanned(project: Project) -> None:
    write(project.root, {"parts/a.csv": b'x\r\n1\r\n"1"\n1\r\n', "parts/b.csv": b"x\n3\n"})
    (checked,) = check(project, "parts", rows=2).checked
    (expression,) = (one for one in checked.results if one.rule == "expression")
    assert (expression.outcome, expression.failed_rows) == (RuleOutcome.FAILED, 1)


def test_a_clone_with_the_profile_alone_answers_what_the_profile_knows(project: Project) -> None:
    check(project)
    shutil.rmtree(project.root / "parts")
    with project.opened() as repo:
        from dver.tracking.targets import tracked_in_worktree

        tree = tracked_in_worktree(repo)[b"parts"].entry
        oids = [one.oid for one in repo.store.tree(tree.oid)]
    _delete_blobs(project, oids)
    (checked,) = check(project, "parts").checked
    rows, expression = checked.results
    assert (rows.outcome, expression.outcome) == (RuleOutcome.PASSED, RuleOutcome.ERROR)
    assert "`dver fetch parts`" in expression.found


def _delete_blobs(project: Project, oids: list[object]) -> None:
    """Remove the content of small files from the store, with the packs that have it."""
    import os

    for folder, _, names in os.walk(project.store):
        for name in names:
            path = Path(folder) / name
            content = path.read_bytes()
            if b"x\n1\n" in content or b"x\n2\n" in content:
                path.unlink()


def test_the_rules_of_an_output_are_beside_it(project: Project) -> None:
    write(project.root, {"out/model.csv": b"score\n0.5\n1.5\n"})
    (project.root / "out/dver.yaml").write_text(
        "vars: [{most: 1}]\n"
        "stages:\n  train:\n    cmd: make\n    outs:\n"
        "    - model.csv:\n        checks:\n          columns:\n            score: {max: '${most}'}\n"
    )
    (checked,) = check(project, "out").checked
    assert (checked.path, checked.suite) == ("out/model.csv", "out/dver.yaml:train")
    assert checked.results[0].expected == "at most 1"


def test_a_mistake_beside_an_output_has_its_position(project: Project) -> None:
    text = "stages:\n  train:\n    cmd: make\n    outs:\n    - model.csv:\n        checks: {colums: 3}\n"
    (project.root / "dver.yaml").write_text(text)
    with pytest.raises(PipelineError, match=r"dver.yaml:6:18: rules: unknown key 'colums'"):
        check(project)


def test_patterns_match_files_of_the_workspace_and_of_the_revision(project: Project) -> None:
    write(project.root, {"deep/one/a.csv": b"x\n1\n", "deep/b.csv": b"x\n1\n", "deep/c.txt": b"x"})
    (project.root / "deep/dver.checks.yaml").write_text(
        "checks:\n  '**/*.csv': {rows: 1}\n  '*.csv': {rows: {min: 2}}\n"
    )
    result = {one.path: len(one.results) for one in check(project, "deep").checked}
    assert result == {"deep/b.csv": 2, "deep/one/a.csv": 1}
    (project.root / "dver.checks.yaml").write_text("checks: {'da*/pe?ple.[c]sv': {rows: 3}}\n")
    assert [one.path for one in check(project).checked] == ["data/people.csv", *sorted(result)]
    assert [one.path for one in check(project, rev="HEAD").checked] == ["data/people.csv"]


def test_patterns_match_the_files_of_a_revision_and_no_others(project: Project) -> None:
    (project.root / "dver.checks.yaml").write_text("checks: {'parts/*.csv': {rows: 1}}\n")
    (project.root / "parts/a.csv").unlink()
    write(project.root, {"parts/new.csv": b"x\n1\n2\n"})
    recorded = {"parts/a.csv": [], "parts/b.csv": []}
    assert failed(check(project)) == {"parts/b.csv": [], "parts/new.csv": ["rows"]}
    assert failed(check(project, rev="HEAD")) == recorded
    shutil.rmtree(project.root / "parts")
    assert failed(check(project, rev="HEAD")) == recorded
    assert failed(check(project, "parts", rev="HEAD")) == recorded
    assert list(failed(check(project, "parts/b.csv", rev="HEAD"))) == ["parts/b.csv"]


def test_patterns_match_recorded_files_of_data_that_is_not_in_the_workspace(project: Project) -> None:
    (project.root / "dver.checks.yaml").write_text("checks: {'*/*.csv': {rows: 1}}\n")
    shutil.rmtree(project.root / "parts")
    assert list(failed(check(project))) == ["data/people.csv", "parts/a.csv", "parts/b.csv"]


def test_a_directory_of_data_sets_that_is_not_in_the_workspace_may_have_suites_in_it(project: Project) -> None:
    write(project.root, {"deep/one/a.csv": b"x\n1\n"})
    add_data(project, "deep/one/a.csv")
    (project.root / "deep/one/dver.checks.yaml").write_text("checks: {a.csv: {rows: 1}}\n")
    project.commit()
    assert list(failed(check(project, "deep", rev="HEAD"))) == ["deep/one/a.csv"]


def test_without_rules_at_a_revision_the_error_lists_its_data(project: Project) -> None:
    (project.root / "dver.checks.yaml").write_text("checks: {other.csv: {rows: 1}}\n")
    with pytest.raises(UsageError, match="no checks for data at HEAD") as caught:
        check(project, "data", rev="HEAD")
    assert (caught.value.fix or "").startswith("`dver ls -R --rev HEAD data` lists the data")


def test_a_suite_in_tracked_data_is_data(project: Project) -> None:
    write(project.root, {"parts/dver.checks.yaml": b"checks: {a.csv: {sql: SELECT 1}}"})
    add_data(project, "parts", checks=False)
    project.commit()
    assert [one.suite for one in check(project, "parts/a.csv").checked] == ["dver.checks.yaml"]
    with project.opened() as repo:
        assert {one.source for one in suites_for(repo)} == {"dver.checks.yaml"}


def test_a_pattern_that_is_not_valid_is_a_mistake_with_its_position(project: Project) -> None:
    (project.root / "dver.checks.yaml").write_text("checks:\n  'data/[z-a].csv': {rows: {min: 1}}\n")
    with pytest.raises(PipelineError, match=r"dver.checks.yaml:2:3: 'data/\[z-a\].csv' is not a valid pattern"):
        check(project)


def test_a_pattern_may_exclude_a_bracket(project: Project) -> None:
    (project.root / "dver.checks.yaml").write_text("checks:\n  'data/[!]x]eople.csv': {rows: {min: 1}}\n")
    assert [one.path for one in check(project).checked] == ["data/people.csv"]


def test_a_plugin_of_the_project_needs_trust(project: Project) -> None:
    (project.root / "schema.py").write_text(
        "import pandera.pandas as pa\nok = pa.DataFrameSchema({'x': pa.Column()})\n"
    )
    (project.root / "dver.checks.yaml").write_text("checks: {parts: {pandera: schema.py:ok}}\n")
    config = project.root / ".dver/config.toml"
    config.write_text(config.read_text() + "\n[checks]\nplugins = true\n")
    assert check(project).checked[0].results[0].outcome is RuleOutcome.ERROR
    from dver.project.settings import change_settings

    with project.opened() as repo:
        change_settings(repo, "local", [("checks.plugins", "true")])
    assert check(project).checked[0].results[0].outcome is RuleOutcome.PASSED


def test_drift_against_a_revision_of_the_same_data(project: Project) -> None:
    (project.root / "dver.checks.yaml").write_text("checks: {data/people.csv: {drift: {against: HEAD}}}\n")
    assert check(project).passed
    write(project.root, {"data/people.csv": b"id,age,new\n1,30,1\n2,40,1\n3,50,1\n"})
    assert check(project).checked[0].results[0].found == "drift in new (new column)"
    (project.root / "dver.checks.yaml").write_text("checks: {data/people.csv: {drift: {against: nope}}}\n")
    assert check(project).checked[0].results[0].outcome is RuleOutcome.ERROR


def test_init_writes_rules_beside_the_data_and_they_pass(project: Project) -> None:
    write(project.root, {"new/table.csv": b"x\n" + b"1\n" * 30})
    with project.opened() as repo:
        found = init_checks(repo, "new/table.csv", cwd=project.root)
    assert (found.path, found.data, found.written) == ("dver.checks.yaml", "new/table.csv", True)
    (checked,) = check(project, "new").checked
    assert len(checked.results) == found.rules
    assert checked.critical == checked.warnings == ()


def test_init_never_writes_into_tracked_data_or_over_rules(project: Project) -> None:
    (project.root / "dver.checks.yaml").unlink()
    with project.opened() as repo:
        found = init_checks(repo, "parts/a.csv", cwd=project.root)
        assert (found.path, found.data) == ("dver.checks.yaml", "parts/a.csv")
        before = (project.root / "dver.checks.yaml").read_text()
        assert project.git("diff", "--cached", "--name-only") == "dver.checks.yaml\n"
        with pytest.raises(ConflictError, match=r"already has rules for 'parts/a\.csv'"):
            init_checks(repo, "parts/a.csv", cwd=project.root)
        init_checks(repo, "parts/b.csv", cwd=project.root, dry_run=True)
        assert (project.root / "dver.checks.yaml").read_text() == before
        with pytest.raises(UsageError):
            init_checks(repo, "nope.csv", cwd=project.root)


def test_drift_against_what_a_model_was_trained_on(tmp_path: Path) -> None:
    made = Project.make(tmp_path / "project")
    write(made.root, {"train.csv": b"x\n" + b"".join(b"%d\n" % (one * 37 % 50) for one in range(100))})
    (made.root / "dver.yaml").write_text(
        "stages: {train: {cmd: cp train.csv model, deps: [train.csv], outs: [model]}}\n"
        "artifacts: {churn: {path: model, type: model}}\n"
    )
    made.save("train.csv")
    project = dver.Project.open(made.root)
    project.repro()
    made.git("add", "-A")
    made.commit()
    project.model.register("churn")
    project.model.assign("churn", "prod")
    write(made.root, {"live.csv": b"x\n" + b"".join(b"%d\n" % (one * 37 % 50 + 900) for one in range(100))})
    (made.root / "dver.checks.yaml").write_text("checks: {live.csv: {drift: {against: 'model churn#prod'}}}\n")
    (result,) = check(made).checked[0].results
    assert result.found == "drift in x (distribution)"
    with pytest.raises(FailedChecksError, match="fails 1 critical check") as refused:
        add_data(made, "live.csv")
    assert refused.value.checked[0].results[0].found == result.found
    (made.root / "dver.checks.yaml").write_text("checks: {live.csv: {drift: {against: model nope}}}\n")
    assert check(made).checked[0].results[0].outcome is RuleOutcome.ERROR


@pytest.mark.parametrize("library", ["numpy", "pyarrow"])
def test_proposing_rules_names_a_missing_extra(project: Project, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with project.opened() as repo, pytest.raises(UsageError, match="need the extra `data`") as caught:
        init_checks(repo, "data/people.csv", cwd=project.root)
    assert caught.value.fix == 'pip install "dver[data]"'
