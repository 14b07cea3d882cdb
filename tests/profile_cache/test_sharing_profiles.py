"""Profiles in two clones and on a remote: sent with their data, fetched without it, kept and dropped by gc."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image
from servers import S3Server
from support import git
from workspaces import Project, write

import dver
from dver.checks.result import RuleOutcome, RuleResult, Severity
from dver.checks.suite.find import suites_for
from dver.formats.profile import PROFILER, Profile
from dver.gates.kept_results import keep_results
from dver.ops.maintain.fsck_remote import fsck_remote
from dver.ops.maintain.gc import gc
from dver.ops.maintain.gc_remote import gc_remote
from dver.ops.share.fetch import fetch
from dver.ops.share.pull import pull
from dver.ops.share.push import PushResult, push
from dver.profile_cache.kept_objects import keep_object, kept_by_command, kept_object
from dver.profile_cache.profiles import Found, NoProfileError, profile_of
from dver.sharing.transfer_options import TransferOptions
from dver.tracking.revision_scope import RevisionScope

FAILED, CRITICAL = RuleOutcome.FAILED, Severity.CRITICAL
FILES = {f"data/{at}.csv": b"a,b\n%d,x\n" % at for at in range(5)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose data has a profile, with a remote."""
    made = Project.make(tmp_path / "repo")
    (tmp_path / "remote").mkdir()
    dver.Project.find(made.root).remote.add("origin", os.fspath(tmp_path / "remote"), default=True)
    made.git("add", "-A")
    write(made.root, FILES)
    made.save("data")
    return made


def profiled(project: Project, path: str = "data", rev: str | None = None, *, scan: bool = True) -> Found:
    with project.opened() as repo:
        return profile_of(repo, path, rev=rev, allow_scan=scan)


def pushed(project: Project, **options: object) -> PushResult:
    with project.opened() as repo:
        return push(repo, cwd=project.root, options=TransferOptions(**options))  # type: ignore[arg-type]


def pulled(project: Project) -> None:
    with project.opened() as repo:
        assert [one.error() for one in pull(repo, cwd=project.root).remotes] == [None]


def fetch_profiles(project: Project, *paths: str, rev: str | None = None) -> list[dver.DverError | None]:
    with project.opened() as repo:
        options = TransferOptions(RevisionScope(rev))
        got = fetch(repo, paths, cwd=project.root, options=options, profiles=True)
        return [one.error() for one in got.remotes]


def clone_of(project: Project, to: Path) -> Project:
    return project.clone(to, share=False)


def test_what_was_pulled_is_not_scanned_again(project: Project, tmp_path: Path) -> None:
    made = profiled(project)
    assert pushed(project).profiles == 1
    clone = clone_of(project, tmp_path / "clone")
    pulled(clone)
    found = profiled(clone)
    assert (found.scanned_files, found.profile) == (0, made.profile)


def test_another_clone_measures_only_the_image_that_it_adds(project: Project, tmp_path: Path) -> None:
    for at in range(3):
        Image.new("L", (9, 9), at).save(project.root / f"data/{at}.png")
    project.save("data")
    profiled(project)
    pushed(project)
    clone = clone_of(project, tmp_path / "clone")
    pulled(clone)
    Image.new("L", (9, 9), 99).save(clone.root / "data/new.png")
    found = profiled(clone)
    assert found.scanned_files == 1
    assert [one.rows for one in found.profile.collections if one.name == "images"] == [4]


def test_another_clone_scans_only_the_file_that_it_adds(project: Project, tmp_path: Path) -> None:
    profiled(project)
    pushed(project)
    clone = clone_of(project, tmp_path / "clone")
    pulled(clone)
    write(clone.root, {"data/new.csv": b"a,b\n9,z\n"})
    clone.save("data")
    assert profiled(clone).scanned_files == 1


def test_a_second_push_sends_no_profile_again(project: Project) -> None:
    profiled(project)
    pushed(project)
    assert pushed(project).profiles == 0


def test_a_profile_that_was_made_after_its_data_was_pushed_is_pushed_later(project: Project) -> None:
    assert pushed(project).profiles == 0
    profiled(project)
    assert pushed(project, dry_run=True).profiles == 1
    assert pushed(project).profiles == 1


def test_the_profile_of_a_file_in_a_directory_travels_with_it(project: Project, tmp_path: Path) -> None:
    made = profiled(project, "data/3.csv")
    assert pushed(project).profiles == 1
    clone = clone_of(project, tmp_path / "clone")
    pulled(clone)
    assert profiled(clone, "data/3.csv", scan=False).profile == made.profile


def test_fetching_profiles_brings_them_without_the_data(project: Project, tmp_path: Path) -> None:
    made = profiled(project)
    pushed(project)
    clone = clone_of(project, tmp_path / "clone")
    with pytest.raises(NoProfileError) as caught:
        profiled(clone)
    assert "`" not in str(caught.value.fix)
    assert fetch_profiles(clone, "data") == [None]
    assert profiled(clone).profile == made.profile
    with clone.opened() as repo:
        assert made.oid not in repo.store


def test_a_dry_run_counts_the_profiles_and_downloads_none(project: Project, tmp_path: Path) -> None:
    profiled(project)
    pushed(project)
    clone = clone_of(project, tmp_path / "clone")
    with clone.opened() as repo:
        planned, got, again = (
            fetch(repo, cwd=clone.root, options=TransferOptions(dry_run=dry), profiles=True).remotes[0]
            for dry in (True, False, True)
        )
    assert (planned.profiles, planned.objects) == (got.profiles, got.objects) == (1, got.objects)
    assert 0 < planned.size <= got.size
    assert again.profiles == 0


def test_a_file_in_a_directory_has_a_profile_without_the_data(project: Project, tmp_path: Path) -> None:
    profiled(project)
    pushed(project)
    clone = clone_of(project, tmp_path / "clone")
    with pytest.raises(NoProfileError, match=r"no profile of 'data/3\.csv'"):
        profiled(clone, "data/3.csv")
    assert fetch_profiles(clone, "data/3.csv") == [None]
    assert profiled(clone, "data/3.csv").profile.collections[0].rows == 1


def test_profiles_of_a_revision_are_fetched(project: Project, tmp_path: Path) -> None:
    made = profiled(project)
    project.git("tag", "v1")
    pushed(project)
    write(project.root, {"data/0.csv": b"a,b\n5,y\n"})
    project.save("data")
    pushed(project)
    clone = clone_of(project, tmp_path / "clone")
    (error,) = fetch_profiles(clone, "data")
    assert "no profile of data on origin" in str(error)
    assert fetch_profiles(clone, "data", rev="v1") == [None]
    assert profiled(clone, rev="v1").profile == made.profile


def test_profiles_of_files_that_were_never_pushed_stay_here(project: Project, tmp_path: Path) -> None:
    write(project.root, {"plain.csv": b"a\n1\n"})
    profiled(project, "plain.csv")
    assert pushed(project, run_cache=True).profiles == 0


def test_gc_keeps_profiles_of_live_data_and_drops_others(project: Project) -> None:
    live = profiled(project)
    write(project.root, {"plain.csv": b"a\n1\n"})
    profiled(project, "plain.csv")
    with project.opened() as repo:
        assert gc(repo, grace=0).objects == 1
    assert profiled(project, scan=False).profile == live.profile
    with pytest.raises(NoProfileError):
        profiled(project, "plain.csv", scan=False)


def test_gc_of_a_remote_keeps_profiles_of_live_data_that_another_clone_pushed(project: Project, tmp_path: Path) -> None:
    pushed(project)
    clone = clone_of(project, tmp_path / "clone")
    pulled(clone)
    made = profiled(clone)
    pushed(clone)
    with project.opened() as repo:
        gc_remote(repo, "origin", grace=0)
        gc_remote(repo, "origin", grace=0)
        assert not fsck_remote(repo, "origin", cwd=project.root).damages
    third = clone_of(project, tmp_path / "third")
    assert fetch_profiles(third, "data") == [None]
    assert profiled(third).profile == made.profile


def test_gc_of_a_remote_drops_profiles_of_dropped_data(project: Project, tmp_path: Path) -> None:
    profiled(project)
    pushed(project)
    project.git("checkout", "-q", "-b", "old")
    write(
        project.root,
        {"data/old.csv": b"a,b\n" + b"".join(os.urandom(50).hex().encode() + b",1\n" for _ in range(2_000))},
    )
    project.save("data")
    profiled(project)
    pushed(project)
    project.switch("-")
    project.git("branch", "-qD", "old")
    shutil.rmtree(project.root / ".git/logs")
    (project.root / ".git/ORIG_HEAD").unlink(missing_ok=True)
    with project.opened() as repo:
        result = gc_remote(repo, "origin", grace=0)
        assert result.condemned_size > 99_000
        gc_remote(repo, "origin", grace=0)
    clone = clone_of(project, tmp_path / "clone")
    pulled(clone)
    assert profiled(clone, scan=False).entry.files == 5


def test_results_of_checks_travel_like_profiles(project: Project, tmp_path: Path) -> None:
    found = profiled(project)
    with project.opened() as repo:
        keep_object(repo, "dver check abc 1 csv", found.entry, b"passed", path=found.path)
    assert pushed(project).profiles == 2
    clone = clone_of(project, tmp_path / "clone")
    assert fetch_profiles(clone) == [None]
    with clone.opened() as repo:
        assert kept_object(repo, "dver check abc 1 csv", found.oid) == b"passed"


def test_clones_with_one_store_share_profiles(project: Project, tmp_path: Path) -> None:
    profiled(project)
    clone = project.clone(tmp_path / "clone")
    assert profiled(clone).scanned_files == 0
    with clone.opened() as repo:
        gc(repo, grace=0)
    assert profiled(project, scan=False).scanned_files == 0


def test_a_profile_with_values_of_a_column_that_became_private_is_never_pushed(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiled(project, "data/1.csv")
    profiled(project)
    dver.Project.find(project.root).config.set("profile.private", "b")
    pushed(project)
    clone = clone_of(project, tmp_path / "clone")
    assert fetch_profiles(clone) == [None]
    monkeypatch.setenv("DVER_PROFILE_PRIVATE", "")
    found = profiled(clone, scan=False)
    assert private_names(found.profile) == {"b"}
    assert private_names(profiled(clone, "data/1.csv", scan=False).profile) == {"b"}
    with clone.opened() as repo:
        (kept,) = kept_by_command(repo, f"dver profile {PROFILER} directory")
        (files,) = [one for one in repo.store.tree(kept.item.oid) if one.name == b"files"]
        assert len(repo.store.tree(files.oid)) == 5


def test_results_of_checks_from_before_a_column_became_private_are_never_pushed(project: Project) -> None:
    (project.root / "dver.checks.yaml").write_text("checks: {data/1.csv: {columns: {b: {max: a}}}}\n")
    entry = profiled(project, "data/1.csv").entry
    with project.opened() as repo:
        (suite,) = suites_for(repo)
        keep_results(repo, suite, entry, (RuleResult("max", FAILED, CRITICAL, "at most a", "greatest value x"),))
    dver.Project.find(project.root).config.set("profile.private", "b")
    assert pushed(project).profiles == 1
    with project.opened() as repo:
        keep_results(repo, suite, entry, (RuleResult("max", FAILED, CRITICAL, "at most a", "1 row"),))
    assert pushed(project).profiles == 1
    dver.Project.find(project.root).config.unset("profile.private")
    assert pushed(project).profiles == 1


def private_names(profile: Profile) -> set[str]:
    return {column.name for one in profile.collections for column in one.columns if column.private}


@pytest.fixture
def s3(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    for key, value in moto_server.credentials().items():
        monkeypatch.setenv(key, value)
    return moto_server.table()


def test_profiles_travel_by_s3(s3: dict[str, object], project: Project, tmp_path: Path) -> None:
    handle = dver.Project.find(project.root)
    handle.remote.add("bucket", str(s3["url"]))
    handle.remote.set("bucket", "endpoint_url", str(s3["endpoint_url"]))
    project.git("add", "-A")
    project.commit()
    made = profiled(project)
    assert pushed(project, remote="bucket").profiles == 1
    clone = clone_of(project, tmp_path / "clone")
    with clone.opened() as repo:
        options = TransferOptions(remote="bucket")
        assert [one.profiles for one in fetch(repo, cwd=clone.root, options=options, profiles=True).remotes] == [1]
    assert profiled(clone).profile == made.profile


def test_git_push_sends_profiles(project: Project, tmp_path: Path) -> None:
    profiled(project)
    git("init", "-q", "--bare", tmp_path / "origin.git", cwd=tmp_path)
    project.git("remote", "add", "origin", os.fspath(tmp_path / "origin.git"))
    dver.Project.find(project.root).install()
    project.git("push", "-q", "origin", "HEAD")
    clone = clone_of(project, tmp_path / "clone")
    assert fetch_profiles(clone, "data") == [None]
