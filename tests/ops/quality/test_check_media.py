"""Checks of images, recordings and texts: their rows are files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from checking import add_data, write_suite
from PIL import Image
from workspaces import Project, write

from dver.checks.result import CheckedData, RuleResult
from dver.gates.errors import FailedChecksError
from dver.ops.quality.check_data import check_data

RULES = """\
checks:
  photos:
    - collection: train/images
      unreadable: 0
      columns: {width: {min: 3}}
      expressions: {value: width = height, severity: warning}
      sql:
        - bright: SELECT path FROM data WHERE brightness > 0.5
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Five images of 1 to 5 pixels, each brighter than the one before, and one that is damaged."""
    made = Project.make(tmp_path / "project")
    write(made.root, {"photos/train/bad.png": b"bad", "photos/a.txt": b"text"})
    for at in range(5):
        Image.new("L", (at + 1, 3), at * 50).save(made.root / f"photos/train/{at}.png")
    made.save("photos")
    (made.root / "dver.checks.yaml").write_text(RULES)
    return made


def check(project: Project, rows: int = 0) -> dict[str, RuleResult]:
    with project.opened() as repo:
        (found,) = check_data(repo, (), cwd=project.root, rows=rows).checked
    return by_rule(found)


def by_rule(found: CheckedData) -> dict[str, RuleResult]:
    return {one.rule: one for one in found.results}


def paths(result: RuleResult) -> list[str]:
    return [dict(row)["path"] for row in result.rows]


def test_sql_sees_a_row_for_each_file(project: Project) -> None:
    found = check(project, rows=9)
    assert found["bright"].found == "2 rows"
    assert paths(found["bright"]) == ["train/3.png", "train/4.png"]


def test_failing_rows_name_their_files(project: Project) -> None:
    found = check(project, rows=2)
    assert (found["min"].ok, paths(found["min"])) == (False, ["train/0.png", "train/1.png"])
    assert [name for name, _ in found["min"].rows[0]][:2] == ["path", "width"]


def test_an_expression_is_about_the_measurements_of_a_file(project: Project) -> None:
    assert check(project)["expression"].failed_rows == 4


def test_unreadable_files_are_named(project: Project) -> None:
    assert check(project)["unreadable"].found == "1 of 6 files: train/bad.png"


def test_a_clone_with_the_profile_checks_rows_without_the_files(project: Project) -> None:
    check(project)
    shutil.rmtree(project.root / "photos")
    assert paths(check(project, rows=9)["bright"]) == ["train/3.png", "train/4.png"]


def test_rules_of_a_single_image(project: Project) -> None:
    (project.root / "dver.checks.yaml").write_text("checks: {photos/train/4.png: {expressions: width < 5}}\n")
    found = check(project, rows=1)["expression"]
    assert (found.failed_rows, paths(found)) == (1, ["4.png"])


def test_tables_whose_names_have_one_pattern_are_all_read(tmp_path: Path) -> None:
    made = Project.make(tmp_path / "project")
    write(
        made.root,
        {"data/t1.csv": b"a\n1\n", "data/t2.csv": b"b\n1\n", "data/t3.csv": b"b\n7\n", "data/t4.csv": b"b\n8\n"},
    )
    made.save("data")
    (made.root / "dver.checks.yaml").write_text("checks: {data: [{collection: t2.csv, expressions: b < 5}]}\n")
    assert check(made)["expression"].failed_rows == 2


def test_rows_of_tables_are_those_of_their_collection_before_anything_is_stored(tmp_path: Path) -> None:
    made = Project.make(tmp_path / "project")
    write(made.root, {"data/jan.csv": b"b\n7\n", "data/feb.csv": b"b\n8\n", "data/x.csv": b"other\n1\n"})
    write_suite(made, "checks: {data: [{collection: '*.csv', expressions: b > 7}]}\n")
    with pytest.raises(FailedChecksError) as caught:
        add_data(made, "data")
    assert "1 of 2 rows" in str(caught.value.why)
    write(made.root, {"data/jan.csv": b"b\n9\n"})
    add_data(made, "data")
    assert check(made)["expression"].ok
