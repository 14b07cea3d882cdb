"""Checks of imports: what `import`, `import-url` and `update` bring."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import BAD, GOOD, SUITE, recorded_state, write_suite
from workspaces import Project, write

from dver.core.errors import UsageError
from dver.formats.pointer import Pointer, decode
from dver.gates.data_checks import DataGate
from dver.gates.errors import FailedChecksError
from dver.gates.kept_results import known_results
from dver.ops.share.import_data import ImportOptions, ImportResult, import_data
from dver.ops.share.import_url import ImportUrlResult, PointerOptions, import_url
from dver.ops.share.remote import add as add_remote
from dver.ops.share.update import UpdatedImport, update
from dver.tracking.targets import tracked_in_worktree


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.make(tmp_path / "repo")
    write_suite(made)
    made.commit()
    return made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write(tmp_path / "source", {"people.csv": GOOD})
    return tmp_path / "source/people.csv"


def imported_url(
    project: Project, url: Path, out: str = "people.csv", *, checks: bool = True, **others: bool
) -> ImportUrlResult:
    with project.opened() as repo:
        return import_url(repo, str(url), out, cwd=project.root, options=PointerOptions(checks=checks), **others)


def imported(project: Project, origin: Project, path: str, *, checks: bool = True) -> ImportResult:
    with project.opened() as repo:
        return import_data(repo, str(origin.root), path, cwd=project.root, options=ImportOptions(checks=checks))


def updated(project: Project, *, checks: bool = True) -> UpdatedImport:
    with project.opened() as repo:
        (one,) = update(repo, cwd=project.root, checks=checks)
        return one


def pointer_of(project: Project, path: str = "people.csv") -> Pointer:
    return decode((project.root / f"{path}.dver").read_bytes())


def without_store(project: Project) -> object:
    """What a refused import must leave as it was: all but unreferenced objects in the store."""
    return {key: value for key, value in recorded_state(project).items() if key != "store"}


def test_imported_data_is_checked_and_its_results_are_kept(project: Project, source: Path) -> None:
    result = imported_url(project, source)
    assert [one.critical for one in result.checked] == [()]
    assert (project.root / "people.csv").read_bytes() == GOOD
    with project.opened() as repo:
        (suite,) = DataGate(repo).suites_of(b"people.csv")
        assert known_results(repo, suite, tracked_in_worktree(repo)[b"people.csv"].entry) == result.checked[0].results


def test_a_url_with_data_that_fails_a_critical_check_is_refused(project: Project, source: Path) -> None:
    source.write_bytes(BAD)
    before = without_store(project)
    with pytest.raises(FailedChecksError, match=r"people\.csv fails 1 critical check") as caught:
        imported_url(project, source)
    assert "greatest" in (caught.value.why or "") or "rows" in (caught.value.why or "")
    assert (caught.value.fix or "").endswith("run the same command again with --no-checks")
    assert without_store(project) == before


def test_no_checks_imports_a_url_and_the_pointer_says_so(project: Project, source: Path) -> None:
    source.write_bytes(BAD)
    result = imported_url(project, source, checks=False)
    assert (project.root / "people.csv").read_bytes() == BAD
    assert pointer_of(project) == result.pointer
    assert pointer_of(project).checks_skipped


def test_data_of_another_repository_is_checked(project: Project, tmp_path: Path) -> None:
    origin = Project.make(tmp_path / "origin")
    write(origin.root, {"people.csv": BAD})
    origin.save("people.csv")
    before = without_store(project)
    with pytest.raises(FailedChecksError):
        imported(project, origin, "people.csv")
    assert without_store(project) == before
    imported(project, origin, "people.csv", checks=False)
    assert pointer_of(project).checks_skipped
    project.commit()
    write(origin.root, {"people.csv": GOOD})
    origin.save("people.csv")
    assert updated(project).checked[0].critical == ()
    assert not pointer_of(project).checks_skipped


def test_an_update_with_bad_data_leaves_pointer_and_data(project: Project, source: Path) -> None:
    imported_url(project, source)
    project.commit()
    source.write_bytes(BAD)
    before = without_store(project)
    with pytest.raises(FailedChecksError):
        updated(project)
    assert without_store(project) == before
    assert updated(project, checks=False).pointer.checks_skipped
    assert (project.root / "people.csv").read_bytes() == BAD


def test_an_update_without_changes_keeps_what_the_pointer_says(project: Project, source: Path) -> None:
    source.write_bytes(BAD)
    imported_url(project, source, checks=False)
    project.commit()
    assert updated(project).checked == ()
    assert pointer_of(project).checks_skipped


def test_patterns_match_files_of_a_directory_that_is_not_here_yet(project: Project, tmp_path: Path) -> None:
    write_suite(project, "checks: {'raw/**/*.csv': {rows: {max: 1}}}\n")
    write(tmp_path / "raw", {"deep/a.csv": b"x\n1\n2\n", "b.csv": b"x\n1\n"})
    with pytest.raises(FailedChecksError, match=r"raw/deep/a\.csv fails 1 critical check"):
        imported_url(project, tmp_path / "raw", "raw")
    assert not (project.root / "raw.dver").exists()


def test_data_that_was_only_recorded_is_checked_when_it_is_downloaded(project: Project, source: Path) -> None:
    source.write_bytes(BAD)
    imported_url(project, source, download=False)
    with pytest.raises(FailedChecksError):
        updated(project)
    assert not (project.root / "people.csv").exists()


def test_an_upload_past_this_machine_is_refused_for_data_with_checks(
    project: Project, source: Path, tmp_path: Path
) -> None:
    with project.opened() as repo:
        add_remote(repo, "origin", str(tmp_path / "share"), default=True)
    with pytest.raises(UsageError, match="--to-remote"):
        imported_url(project, source, to_remote=True)
    assert imported_url(project, source, to_remote=True, checks=False).pointer == pointer_of(project)
    assert pointer_of(project).checks_skipped
    assert imported_url(project, source, "other.csv", to_remote=True).sent is not None
    write_suite(project, "checks: {'raw/*.csv': {rows: 3}}\n")
    with pytest.raises(UsageError, match="--to-remote"):
        imported_url(project, source.parent, "raw", to_remote=True)


def test_failed_checks_that_only_warn_are_in_the_result(project: Project, source: Path) -> None:
    write_suite(project, SUITE.replace("rows: {max: 3}", "rows: {value: {max: 3}, severity: warning}"))
    source.write_bytes(BAD)
    assert [one.rule for one in imported_url(project, source).checked[0].warnings] == ["rows", "unique"]
