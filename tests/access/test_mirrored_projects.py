"""Reading the files of other repositories by URL, at a commit, without a clone."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitserver import GitServer, allow_filters, git_server
from support import git
from workspaces import Project, write

from dver.access.repositories import open_files
from dver.core.errors import MissingObjectError, RepositoryError, UsageError
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.ops.track.init import init
from dver.repo import Repository

BIG = os.urandom(2 << 20)


def publish(project: Project, remote: Path | str) -> None:
    """Commit, and push the data to a new remote."""
    with Repository.open(project.root) as repo:
        add_remote(repo, "origin", os.fspath(remote), default=True)
        push(repo, cwd=project.root)
    git("add", "-A", cwd=project.root)
    git("commit", "-qm", "Publish", cwd=project.root)
    allow_filters(project.root)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with tracked data and files of Git, whose second commit changes both."""
    project = Project.make(tmp_path / "served" / "project")
    write(project.root, {"data/a.csv": b"1\n", "data/deep/big.bin": BIG, "params.yaml": b"lr: 1\n"})
    (project.root / "data" / "link").symlink_to("a.csv")
    project.add("data")
    publish(project, tmp_path / "remote")
    git("tag", "v1", cwd=project.root)
    write(project.root, {"data/a.csv": b"2\n", "params.yaml": b"lr: 2\n"})
    project.add("data")
    with Repository.open(project.root) as repo:
        push(repo, cwd=project.root)
    git("commit", "-qam", "Change", cwd=project.root)
    return project


@pytest.fixture
def server(project: Project) -> Iterator[GitServer]:
    with git_server(project.root.parent) as running:
        yield running


@pytest.fixture
def url(server: GitServer) -> str:
    return f"{server.url}/project/.git"


def test_reads_data_and_files_of_git_at_the_head_and_at_a_revision(url: str) -> None:
    with_head, at_v1 = open_files(url), open_files(url, rev="v1")
    assert (with_head.read("data/a.csv"), at_v1.read("data/a.csv")) == (b"2\n", b"1\n")
    assert (with_head.read("params.yaml"), at_v1.read("params.yaml")) == (b"lr: 2\n", b"lr: 1\n")
    assert at_v1.read("data/link") == b"1\n"
    assert at_v1.read("data/deep/big.bin") == BIG
    assert [info.path for info in at_v1.ls("data")] == ["data/a.csv", "data/deep", "data/link"]


def test_a_full_commit_id_needs_no_git_server_after_the_first_time(url: str, server: GitServer) -> None:
    commit = open_files(url).commit
    files = open_files(url, rev=commit)
    assert files.read("data/a.csv") == b"2\n"
    server.seen.clear()
    again = open_files(url, rev=commit)
    assert again.read("data/a.csv") == b"2\n"
    assert pickle.loads(pickle.dumps(again)).read("data/deep/big.bin") == BIG
    assert server.seen == []


def test_only_the_remotes_of_the_commit_count(project: Project, url: str, tmp_path: Path) -> None:
    with (project.root / ".dver/config.toml").open("a") as file:
        file.write(f'[cache]\ndir = "{tmp_path}/theirs"\n')
    git("commit", "-qam", "Set a store", cwd=project.root)
    assert open_files(url).read("data/a.csv") == b"2\n"
    assert not (tmp_path / "theirs").exists()


def test_a_local_repository_without_a_worktree_is_read(project: Project, tmp_path: Path) -> None:
    git("clone", "-q", "--bare", project.root, tmp_path / "bare.git", cwd=tmp_path)
    assert open_files(tmp_path / "bare.git", rev="v1").read("data/a.csv") == b"1\n"
    assert open_files("bare.git", rev="main~1", cwd=tmp_path).read("params.yaml") == b"lr: 1\n"


def test_a_remote_beside_the_repository_is_found_for_a_local_one_only(
    project: Project, url: str, tmp_path: Path
) -> None:
    config = project.root / ".dver/config.toml"
    config.write_text(config.read_text().replace(f'"{tmp_path}/remote"', '"../../remote"'))
    git("commit", "-qam", "A relative remote", cwd=project.root)
    assert open_files(project.root.as_uri()).read("data/a.csv") == b"2\n"
    with pytest.raises((RepositoryError, MissingObjectError)) as caught:
        open_files(url).read("data/deep/big.bin")
    assert "beside its clones" in f"{caught.value.what} {caught.value.why}"


def test_projects_in_subdirectories_have_their_own_remotes(tmp_path: Path) -> None:
    top = tmp_path / "mono"
    top.mkdir()
    git("init", "-q", cwd=top)
    for name in ("one", "two"):
        (top / name).mkdir()
        init(top / name, hooks=False)
        write(top / name, {"data/x": name.encode()})
        project = Project(top / name)
        project.add("data", cwd=top / name)
        publish(project, tmp_path / f"remote-{name}")
    (top / "notes.dver").write_text("no pointer, and in no project\n")
    git("add", "-A", cwd=top)
    git("commit", "-qm", "Notes", cwd=top)
    files = open_files(top.as_uri())
    assert [files.read(f"{name}/data/x") for name in ("one", "two")] == [b"one", b"two"]
    both = [files.info("one/data/x"), files.info("two/data/x"), files.info("notes.dver")]
    assert [content for _, content in files.read_many(both)] == [b"one", b"two", b"no pointer, and in no project\n"]


def test_a_repository_without_a_project_has_its_files(git_repo: Path, tmp_path: Path) -> None:
    files = open_files(git_repo)
    assert files.read("README") == b"A project.\n"
    assert [info.path for info in files.walk()] == ["README"]


def test_many_files_of_git_come_with_one_fetch(project: Project, url: str, server: GitServer) -> None:
    write(project.root, {f"src/{number}.py": b"%d" % number for number in range(30)})
    git("add", "-A", cwd=project.root)
    git("commit", "-qm", "Code", cwd=project.root)
    files = open_files(url)
    found = list(files.walk("src"))
    before = server.fetches()
    assert {info.path: content for info, content in files.read_many(found)}["src/7.py"] == b"7"
    assert server.fetches() - before <= 2


def test_data_that_was_never_pushed_is_told(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "unpushed")
    write(project.root, {"data/a": b"a"})
    project.save("data")
    with pytest.raises(MissingObjectError) as caught:
        open_files(project.root.as_uri()).read("data/a")
    assert "has no remote" in (caught.value.why or "")


def test_wrong_repositories_and_revisions_are_errors(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown revision"):
        open_files(url, rev="v9")
    with pytest.raises(RepositoryError, match="no directory"):
        open_files("none", cwd=tmp_path)
    with pytest.raises(RepositoryError, match="no Git repository at"):
        open_files(tmp_path, cwd=tmp_path)
