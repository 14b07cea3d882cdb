"""Profiles of the data of a project: found, made once, and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspaces import Project, write

from dver.core.errors import UsageError
from dver.formats.profile import CollectionKind, CollectionProfile, Profile, encode
from dver.profile_cache.file_profiles import command
from dver.profile_cache.kept_objects import keep_object
from dver.profile_cache.profiles import Found, NoProfileError, keep_profile, known_profile, profile_of


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.make(tmp_path / "repo")
    write(made.root, {f"data/{at}.csv": b"a,b\n%d,x\n" % at for at in range(5)})
    made.save("data")
    return made


def profiled(project: Project, path: str = "data", rev: str | None = None, **options: object) -> Found:
    with project.opened() as repo:
        return profile_of(repo, path, rev=rev, **options)  # type: ignore[arg-type]


def rows(profile: Profile) -> int:
    return sum(one.rows for one in profile.collections)


def test_a_directory_is_scanned_once(project: Project) -> None:
    first = profiled(project)
    assert (first.scanned_files, rows(first.profile)) == (5, 5)
    again = profiled(project)
    assert (again.scanned_files, again.profile) == (0, first.profile)


def test_one_file_added_scans_one(project: Project) -> None:
    profiled(project)
    write(project.root, {"data/9.csv": b"a,b\n1,x\n2,y\n"})
    found = profiled(project)
    assert (found.scanned_files, rows(found.profile)) == (1, 7)
    assert found.profile.collections[0].files == 6


def test_a_removed_file_is_not_part_of_the_profile_and_scans_none(project: Project) -> None:
    profiled(project)
    (project.root / "data/1.csv").unlink()
    found = profiled(project)
    assert (found.scanned_files, rows(found.profile)) == (0, 4)


def test_a_file_that_other_commands_profiled_is_not_scanned_again(project: Project) -> None:
    assert profiled(project, "data/1.csv").scanned_files == 1
    assert profiled(project).scanned_files == 4
    write(project.root, {"other.csv": (project.root / "data/2.csv").read_bytes()})
    assert profiled(project, "other.csv").scanned_files == 0


def test_a_revision_is_read_from_the_store_and_not_from_the_workspace(project: Project) -> None:
    write(project.root, {"data/0.csv": b"a,b\n" + b"1,x\n" * 10})
    assert rows(profiled(project, rev="HEAD").profile) == 5
    assert rows(profiled(project).profile) == 14


def test_a_deleted_workspace_is_profiled_from_the_pointer(project: Project) -> None:
    for file in (project.root / "data").iterdir():
        file.unlink()
    (project.root / "data").rmdir()
    assert rows(profiled(project).profile) == 5


def test_without_keeping_nothing_is_stored(project: Project) -> None:
    before = sorted(project.store.rglob("*"))
    found = profiled(project, keep=False)
    assert found.scanned_files == 5
    assert sorted(project.store.rglob("*")) == before
    with project.opened() as repo:
        keep_profile(repo, found)
        assert known_profile(repo, found.oid, None) == found.profile


def test_data_without_a_profile_is_not_read_without_permission(project: Project) -> None:
    with pytest.raises(NoProfileError) as caught:
        profiled(project, allow_scan=False)
    assert str(caught.value.fix).startswith("dver fetch --profiles data")


def test_a_path_without_data_is_an_error(project: Project) -> None:
    with pytest.raises(UsageError, match="no data at 'nothing'"):
        profiled(project, "nothing")


@pytest.mark.parametrize("kind", [None, CollectionKind.IMAGES])
def test_a_kept_profile_that_is_not_of_a_table_is_made_again(project: Project, kind: CollectionKind | None) -> None:
    collections = () if kind is None else (CollectionProfile("", kind, 1, 1, 8, ()),)
    with project.opened() as repo:
        found = profile_of(repo, "data/1.csv")
        keep_object(repo, command("csv"), found.entry, encode(Profile(collections)))
    again = profiled(project)
    assert (again.scanned_files, rows(again.profile)) == (5, 5)


def test_a_kept_profile_that_is_too_large_is_made_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert profiled(project, "data/1.csv").scanned_files == 1
    monkeypatch.setattr("dver.profile_cache.kept_objects.BLOB_MAX", 10)
    assert profiled(project, "data/1.csv").scanned_files == 1
