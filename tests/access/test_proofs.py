"""What reads of parts of large files prove: docs/decisions/range-reads.md."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from forging import EVIL, GOOD, forged_project
from support import git
from workspaces import Project, write

from dver.access.cache import ObjectCache
from dver.access.errors import UnprovedRange
from dver.access.files import Files
from dver.access.objects import Verify
from dver.access.repositories import open_files
from dver.core.errors import CorruptError, RepositoryError
from dver.ops.share.fetch import fetch
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote

BIG = "data/big.bin"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with an honest remote. Its data is there only."""
    project = Project.make(tmp_path / "project")
    write(project.root, {BIG: GOOD, "data/small": b"small"})
    project.save("data")
    with project.opened() as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
        push(repo, cwd=project.root)
    project.commit("A remote")
    forget(project)
    return project


@pytest.fixture
def forged(tmp_path: Path) -> Project:
    """A project whose remote has a forged recipe. Its data is there only."""
    project = forged_project(tmp_path)
    forget(project)
    return project


def forget(project: Project) -> None:
    """Delete the data on this machine, so that it is read from the remote."""
    shutil.rmtree(project.root / ".git/dver/store")
    shutil.rmtree(project.root / "data", ignore_errors=True)


def at_head(project: Project, verify: Verify | None = "full") -> Files:
    """The files of the last commit, opened anew."""
    return open_files(project.root, rev="HEAD", verify=verify)


def test_a_range_of_an_unproved_file_is_refused_with_full_verification(project: Project) -> None:
    with pytest.raises(UnprovedRange, match="nothing proves yet") as caught:
        at_head(project).read_range(BIG, 5, 10)
    assert "dver fetch" in str(caught.value.fix)
    assert at_head(project, "ranges").read_range(BIG, 5, 10) == GOOD[5:15]


def test_small_files_and_whole_files_need_no_proof(project: Project) -> None:
    assert at_head(project).read_range("data/small", 1, 3) == b"mal"
    with at_head(project).open(BIG) as file:
        assert file.read() == GOOD


@pytest.mark.parametrize("where", ["directory", "url"])
def test_a_file_that_was_read_as_a_whole_is_proved_for_later_processes(project: Project, where: str) -> None:
    repo = project.root if where == "directory" else f"file://{project.root}"
    assert open_files(repo, rev="HEAD", verify="full").read(BIG) == GOOD
    shutil.rmtree(project.root.parent / "remote")
    assert open_files(repo, rev="HEAD", verify="full").read_range(BIG, 5, 10) == GOOD[5:15]


def test_a_download_proves_without_keeping_the_content(project: Project) -> None:
    assert b"".join(open_files(project.root, rev="HEAD", keeps=False).pieces(BIG)) == GOOD
    assert ObjectCache.of_user().summary().size < 100
    assert at_head(project).read_range(BIG, 5, 10) == GOOD[5:15]


def test_a_fetched_file_is_proved(project: Project) -> None:
    with project.opened() as repo:
        fetch(repo, cwd=project.root)
    assert at_head(project).read_range(BIG, 5, 10) == GOOD[5:15]


def test_a_read_that_stops_before_the_end_proves_nothing(project: Project) -> None:
    assert next(iter(at_head(project).pieces(BIG))) == GOOD
    with pytest.raises(UnprovedRange):
        at_head(project).read_range(BIG, 5, 10)


def test_a_forged_recipe_is_refused_with_full_verification(forged: Project) -> None:
    with pytest.raises(UnprovedRange):
        at_head(forged).read_range(BIG, 5, 10)


def test_a_forged_recipe_is_found_when_the_file_is_read_as_a_whole(forged: Project) -> None:
    with pytest.raises(CorruptError, match="chunks make another content"):
        at_head(forged, "ranges").read(BIG)
    with pytest.raises(UnprovedRange):
        at_head(forged).read_range(BIG, 5, 10)


def test_without_full_verification_a_forged_recipe_passes_until_then(forged: Project) -> None:
    """The documented limit of the default."""
    assert at_head(forged, "ranges").read_range(BIG, 5, 10) == EVIL[5:15]


def test_a_recipe_that_was_found_out_is_not_used_again(forged: Project, tmp_path: Path) -> None:
    files = at_head(forged, "ranges")
    with pytest.raises(CorruptError, match="chunks make another content"):
        files.read(BIG)
    shutil.rmtree(tmp_path / "remote")
    write(forged.root, {BIG: GOOD})
    forged.add("data")
    with forged.opened() as repo:
        push(repo, cwd=forged.root)
    forget(forged)
    assert at_head(forged, "ranges").read(BIG) == GOOD


def test_the_proof_of_one_recipe_is_none_of_another(project: Project, tmp_path: Path) -> None:
    assert at_head(project).read(BIG) == GOOD
    cache = ObjectCache.of_user()
    oid = at_head(project).info(BIG).oid
    assert oid is not None
    honest = cache.get_recipe(oid)
    assert honest is not None
    assert cache.is_proved(oid, honest)
    assert not cache.is_proved(oid, honest[:-1] + bytes((honest[-1] ^ 1,)))


def test_the_setting_is_the_default(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVER_ACCESS_VERIFY", "full")
    with pytest.raises(UnprovedRange):
        at_head(project, None).read_range(BIG, 5, 10)
    assert at_head(project, "ranges").read_range(BIG, 5, 10) == GOOD[5:15]


def test_a_project_cannot_change_the_setting(project: Project) -> None:
    with (project.root / ".dver/config.toml").open("a") as file:
        file.write('\n[access]\nverify = "ranges"\n')
    git("commit", "-qam", "Trust us", cwd=project.root)
    with pytest.raises(RepositoryError, match=r"cannot use 'access\.verify'"):
        at_head(project).read_range(BIG, 5, 10)
