"""`dver add` of data with checks."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from checking import BAD, GOOD, SUITE, add_data, recorded_state, write_suite
from workspaces import Project, count_calls, write

from dver.formats import pointer
from dver.formats.pointer import Pointer
from dver.gates.errors import FailedChecksError
from dver.profile_cache.profiles import profile_of
from dver.profiles import sharing_files


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project.make(tmp_path / "repo")
    write_suite(found)
    found.commit("Checks")
    return found


def pointer_of(project: Project, path: str) -> Pointer:
    return pointer.decode((project.root / f"{path}.dver").read_bytes())


def test_data_that_passes_is_added_and_a_warning_is_a_result(project: Project) -> None:
    write(project.root, {"people.csv": b"id,age\n1,30\n1,40\n"})
    found = add_data(project, "people.csv")
    assert [one.rule for data in found.checked for one in data.warnings] == ["unique"]
    assert not pointer_of(project, "people.csv").checks_skipped


def _file(project: Project) -> list[str]:
    write(project.root, {"people.csv": BAD})
    return ["people.csv"]


def _changed_file(project: Project) -> list[str]:
    write(project.root, {"people.csv": GOOD})
    add_data(project, "people.csv")
    project.commit()
    write(project.root, {"people.csv": BAD})
    return ["people.csv"]


def _directory(project: Project) -> list[str]:
    write_suite(project, SUITE.replace("people.csv", "data"))
    write(project.root, {"data/a.csv": GOOD, "data/b.csv": BAD, "data/note.bin": b"\0" * 70_000})
    return ["data"]


def _file_in_directory(project: Project) -> list[str]:
    write_suite(project, SUITE.replace("people.csv", "data/*.csv"))
    write(project.root, {"data/a.csv": GOOD})
    add_data(project, "data")
    project.commit()
    write(project.root, {"data/b.csv": BAD})
    return ["data/b.csv"]


def _one_of_several(project: Project) -> list[str]:
    write(project.root, {"other.bin": b"other\n", "people.csv": BAD, "set/a": b"a\n"})
    return ["other.bin", "people.csv", "set"]


CASES = [_file, _changed_file, _directory, _file_in_directory, _one_of_several]


@pytest.mark.parametrize("prepare", CASES)
@pytest.mark.parametrize("link", ["copy", "hardlink", "symlink"])
def test_a_failed_critical_check_leaves_pointer_index_gitignore_and_store_as_they_were(
    project: Project, prepare: Callable[[Project], list[str]], link: str
) -> None:
    project.git("config", "core.splitIndex", "false")
    (project.root / ".git/dver").mkdir(exist_ok=True)
    (project.root / ".git/dver/config.toml").write_text(f'[cache]\nlink = "{link}"\n')
    paths = prepare(project)
    before = recorded_state(project)
    with pytest.raises(FailedChecksError) as caught:
        add_data(project, *paths)
    assert recorded_state(project) == before
    assert "rows" in (caught.value.why or "")


def test_the_override_names_what_was_added_and_not_the_file_that_fails(project: Project) -> None:
    write(project.root, {"other.bin": b"1"})
    paths = _directory(project)
    write_suite(project, SUITE.replace("people.csv", "data/*.csv"))
    with pytest.raises(FailedChecksError) as caught:
        add_data(project, "other.bin", *paths)
    assert caught.value.what == "data/b.csv fails 1 critical check"
    assert (caught.value.fix or "").endswith(", or override them: dver add --no-checks data")


def test_all_changed_data_is_refused_if_one_fails(project: Project) -> None:
    write(project.root, {"people.csv": GOOD, "other": b"1\n"})
    add_data(project, "people.csv", "other")
    project.commit()
    write(project.root, {"people.csv": BAD, "other": b"2\n"})
    before = recorded_state(project)
    with pytest.raises(FailedChecksError):
        add_data(project, update=True)
    assert recorded_state(project) == before


def test_no_checks_is_recorded_in_the_pointer_until_the_data_passes(project: Project) -> None:
    write(project.root, {"people.csv": BAD, "other": b"1\n"})
    found = add_data(project, "people.csv", "other", checks=False)
    assert found.unchecked == (b"people.csv",)
    assert pointer_of(project, "people.csv").checks_skipped
    assert not pointer_of(project, "other").checks_skipped  # no checks name it
    project.commit()
    write(project.root, {"other": b"2\n"})
    add_data(project, update=True)  # data that was overridden, and did not change, is not checked again
    assert pointer_of(project, "people.csv").checks_skipped
    with pytest.raises(FailedChecksError):
        add_data(project, "people.csv")  # but when it is named
    write(project.root, {"people.csv": GOOD})
    add_data(project, update=True)
    assert not pointer_of(project, "people.csv").checks_skipped


def test_a_part_of_skipped_data_leaves_the_record(project: Project) -> None:
    write_suite(project, SUITE.replace("people.csv", "data/*.csv"))
    write(project.root, {"data/a.csv": BAD})
    add_data(project, "data", checks=False)
    write(project.root, {"data/b.csv": GOOD})
    add_data(project, "data/b.csv")
    assert pointer_of(project, "data").checks_skipped


def test_the_same_data_is_checked_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project.root, {"people.csv": GOOD})
    add_data(project, "people.csv")
    monkeypatch.setattr("dver.gates.data_checks.rule_results", None)
    (project.root / "people.csv.dver").unlink()
    found = add_data(project, "people.csv")
    assert [one.ok for data in found.checked for one in data.results] == [True, True]


def test_each_file_of_a_directory_is_profiled_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write_suite(project, SUITE.replace("people.csv", "data").replace("max: 3", "max: 6"))
    write(project.root, {"data/a.csv": GOOD, "data/b.csv": GOOD.replace(b"30", b"31")})
    counted: dict[str, int] = Counter()
    count_calls(monkeypatch, sharing_files, "profile_table", counted, "files")
    add_data(project, "data")
    assert counted["files"] == 2
    with project.opened() as repo:
        assert profile_of(repo, "data", cwd=project.root).scanned_files == 0
    write(project.root, {"data/b.csv": b"id,age\n9,9\n"})
    add_data(project, "data")
    assert counted["files"] == 3


def test_other_rules_are_evaluated_again(project: Project) -> None:
    write(project.root, {"people.csv": GOOD})
    add_data(project, "people.csv")
    write_suite(project, SUITE.replace("max: 3", "max: 2"))
    with pytest.raises(FailedChecksError):
        add_data(project, "people.csv")


def test_a_rule_about_the_previous_version_is_evaluated_each_time(project: Project) -> None:
    write_suite(project, "checks: {people.csv: {rows: {change: 10 %}}}\n")
    write(project.root, {"people.csv": GOOD})
    add_data(project, "people.csv")
    project.commit()
    write(project.root, {"people.csv": GOOD + b"4,1\n5,2\n"})
    with pytest.raises(FailedChecksError):
        add_data(project, "people.csv")
    add_data(project, "people.csv", checks=False)
    project.commit()
    add_data(project, "people.csv")  # now it is the previous version itself
    assert not pointer_of(project, "people.csv").checks_skipped


def test_a_file_that_is_not_checked_out_is_checked_as_its_pointer_has_it(project: Project, tmp_path: Path) -> None:
    write_suite(project, SUITE.replace("people.csv", "data/a.csv") + SUITE.replace("people.csv", "data/b.csv")[8:])
    write(project.root, {"data/a.csv": GOOD, "data/b.csv": GOOD})
    add_data(project, "data")
    project.commit()
    clone = project.clone(tmp_path / "clone")
    clone.checkout("data/b.csv")
    assert not (clone.root / "data/a.csv").exists()
    write(clone.root, {"data/b.csv": b"id,age\n7,7\n"})
    found = add_data(clone, update=True)
    assert [(one.path, [result.ok for result in one.results]) for one in found.checked] == [
        ("data/a.csv", [True, True]),
        ("data/b.csv", [True, True]),
    ]


def test_a_path_with_rules_that_the_data_does_not_have_fails(project: Project) -> None:
    write_suite(project, SUITE.replace("people.csv", "data/a.csv"))
    write(project.root, {"data/other.csv": GOOD})
    with pytest.raises(FailedChecksError, match=r"data/a\.csv fails 1 critical check"):
        add_data(project, "data")


def test_a_dry_run_says_that_data_would_be_refused(project: Project) -> None:
    write(project.root, {"people.csv": BAD})
    with pytest.raises(FailedChecksError):
        add_data(project, "people.csv", dry_run=True)


def test_data_without_checks_imports_no_checks(tmp_path: Path) -> None:
    plain = Project.make(tmp_path / "plain")
    write(plain.root, {"data": b"1\n"})
    code = (
        "import sys; from pathlib import Path; from dver.repo import Repository; from dver.ops.track.add import add\n"
        "with Repository.open(Path('.')) as repo: add(repo, ['data'], cwd=Path('.').resolve())\n"
        "print([one for one in sys.modules if one.startswith(('dver.checks.suite', 'dver.profile', 'duckdb'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=plain.root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
