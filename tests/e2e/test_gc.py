"""gc by the real command line: beside other commands, killed at random moments, and against a remote."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from killing import KILLS, Killer, timed
from support import Result, Run, git, run_dver
from workspaces import Project

from dver.formats.objectref import ObjectRef
from dver.tracking.targets import tracked_in_worktree

VARIANTS = 5


def fill(root: Path, variant: int, *, own: int = 40) -> None:
    """One of a few versions of `data`; a part of each is in all of them."""
    shutil.rmtree(root / "data", ignore_errors=True)
    for number in range(100):
        path = root / f"data/d{number % 7}/f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = number if number >= own else f"{number} of {variant}"
        path.write_bytes(random.Random(seed).randbytes(500))
    (root / "data/large").write_bytes(random.Random(variant).randbytes(3_000_000))


def assert_all_there(project: Project) -> None:
    """Every pointer on disk stands for data that is complete."""
    with project.opened() as repo:
        roots = [ObjectRef(one.pointer.oid, one.pointer.kind, one.path) for one in tracked_in_worktree(repo).values()]
        assert roots
        assert repo.store.find_missing(roots) == []


def in_background(work: Callable[[], Result]) -> Callable[[], list[Result]]:
    """Do `work` again and again, until what this returns is called: then all results."""
    results: list[Result] = []
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            results.append(work())

    thread = threading.Thread(target=loop)
    thread.start()

    def end() -> list[Result]:
        stop.set()
        thread.join(timeout=120)
        return results

    return end


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


@pytest.mark.parametrize("link", ["copy", "hardlink"])
def test_adds_beside_gcs_that_delete_at_once_lose_nothing(project: Project, link: str) -> None:
    run_dver("config", "set", "--local", "cache.link", link, cwd=project.root)
    end = in_background(lambda: run_dver("gc", "--grace", "0d", cwd=project.root, rc=None))
    try:
        for turn in range(12):
            # What was deleted two turns ago is needed again: it must not be taken for present.
            fill(project.root, random.Random(turn).randrange(VARIANTS))
            run_dver("add", "data", cwd=project.root)
            assert_all_there(project)
    finally:
        results = end()
    assert {result.rc for result in results} == {0}, [result.err for result in results if result.rc]
    assert len(results) > 3
    run_dver("checkout", cwd=project.root)
    assert project.is_unchanged()


def test_a_clone_that_shares_the_store_loses_nothing_by_the_gc_of_another(project: Project, tmp_path: Path) -> None:
    fill(project.root, 0)
    run_dver("config", "set", "--local", "cache.dir", tmp_path / "store", cwd=project.root)
    project.save("data")
    other = project.clone(tmp_path / "other")
    run_dver("checkout", cwd=other.root)
    end = in_background(lambda: run_dver("gc", "--grace", "0d", cwd=project.root, rc=None))
    try:
        for turn in range(10):
            fill(other.root, turn % 3 + 1)
            run_dver("add", "data", cwd=other.root)
            assert_all_there(other)
            if turn % 3 == 2:
                other.commit()
    finally:
        results = end()
    assert {result.rc for result in results} == {0}, [result.err for result in results if result.rc]
    run_dver("check", "available", "--all-commits", cwd=other.root)
    run_dver("check", "available", "--all-commits", cwd=project.root)


def test_checkouts_beside_gcs_find_all_they_need(project: Project) -> None:
    for version in (1, 2):
        fill(project.root, version)
        project.save("data")
        project.git("tag", f"v{version}")
    end = in_background(lambda: run_dver("gc", "--grace", "0d", cwd=project.root, rc=None))
    try:
        for turn in range(6):
            # Small packs to be joined, and others that are rewritten, under the eyes of a checkout.
            for number in range(3):
                (project.root / "noise").write_bytes(random.Random(f"{turn} {number}").randbytes(5000))
                run_dver("add", "noise", cwd=project.root)
            run_dver("checkout", f"v{turn % 2 + 1}", "data", cwd=project.root)
            assert_all_there(project)
    finally:
        results = end()
    assert {result.rc for result in results} == {0}, [result.err for result in results if result.rc]


def test_gc_killed_at_any_moment_loses_nothing_and_is_completed_by_the_next(project: Project) -> None:
    fill(project.root, 0)
    project.save("data")
    fill(project.root, 1)
    project.save("data")
    fill(project.root, 2)
    run_dver("add", "data", cwd=project.root)
    project.git("checkout", "--quiet", "HEAD", "data.dver")
    killer = Killer(timed("gc", "--grace", "0d", cwd=project.root))
    for turn in range(KILLS // 4):
        fill(project.root, 10 + turn)
        run_dver("add", "--force", "data", cwd=project.root)
        project.git("reset", "--quiet", "--hard")
        grace = "0d" if turn % 2 else "14d"
        killer.kill(["gc", "--grace", grace], project.root)
        run_dver("check", "available", "--all-commits", cwd=project.root)
        assert_all_there(project)
        if turn % 5 == 4:
            # What it had moved already may be needed after all.
            fill(project.root, 10 + turn)
            run_dver("add", "--force", "data", cwd=project.root)
            assert_all_there(project)
            project.git("reset", "--quiet", "--hard")
        run_dver("gc", "--grace", grace, cwd=project.root)
        assert not list((project.store / "trash").glob("*.unfinished"))
        run_dver("check", "available", "--all-commits", cwd=project.root)
    run_dver("gc", "--grace", "0d", cwd=project.root)
    run_dver("gc", "--grace", "0d", cwd=project.root)
    run_dver("check", "available", "--all-commits", cwd=project.root)
    assert not list((project.store / "trash").glob("2*"))
    shutil.rmtree(project.root / "data")
    run_dver("checkout", cwd=project.root)
    assert not project.leftovers()
    assert killer.killed


def test_everything_that_git_holds_on_to_survives_two_gcs_in_a_row(project: Project, tmp_path: Path) -> None:
    """One version each for: a branch, a tag, the stash, a reflog, another worktree, the index, the disk."""
    commits = {}
    fill(project.root, 0, own=100)
    base = project.save("data")
    for number, place in enumerate(("branch", "tag", "reflog"), 1):
        project.git("checkout", "--quiet", "--detach", base)
        fill(project.root, number, own=100)
        run_dver("add", "--force", "data", cwd=project.root)
        commits[place] = project.commit()
    project.git("branch", "kept", commits["branch"])
    project.git("tag", "-a", "-m", "kept", "v1", commits["tag"])
    project.git("checkout", "--quiet", "main")
    git("worktree", "add", "--quiet", "--detach", tmp_path / "second", cwd=project.root)
    second = Project(tmp_path / "second")
    fill(second.root, 4, own=100)
    run_dver("add", "--force", "data", cwd=second.root)
    fill(project.root, 5, own=100)
    run_dver("add", "--force", "data", cwd=project.root)
    project.git("stash", "--quiet")
    fill(project.root, 6, own=100)
    run_dver("add", "--force", "data", cwd=project.root)
    for _ in range(2):
        assert run_dver("gc", "--grace", "0d", "--json", cwd=project.root).json["objects"] == 0
    for commit in commits.values():
        run_dver("check", "available", "--rev", commit, cwd=project.root)
    assert_all_there(second)
    assert_all_there(project)
    project.git("reset", "--quiet", "--hard")
    project.git("stash", "pop", "--quiet")
    assert_all_there(project)


def test_the_command_tells_what_it_does_and_brings_it_back(project: Project) -> None:
    fill(project.root, 0)
    project.save("data")
    fill(project.root, 1)
    lost = project.save("data", message="To be lost")
    project.git("reset", "--quiet", "--hard", "HEAD~1")
    run_dver("checkout", "--force", cwd=project.root)
    shutil.rmtree(project.root / ".git/logs")
    (project.root / ".git/ORIG_HEAD").unlink()
    planned = run_dver("gc", "--dry-run", cwd=project.root)
    assert planned.out.startswith("would move ")
    assert f"last in commit {lost[:12]}" in planned.out
    assert "referenced by 3 commits and 1 worktree" in planned.out
    assert run_dver("gc", "--dry-run", "--json", cwd=project.root).json["unreferenced"][0]["path"] == "data"
    done = run_dver("gc", cwd=project.root)
    assert done.out.startswith("moved ")
    assert "dver gc --restore" in done.err
    run_dver("check", "available", "--rev", lost, cwd=project.root, rc=1)
    assert run_dver("gc", "--restore", cwd=project.root).out.startswith("restored ")
    run_dver("check", "available", "--rev", lost, cwd=project.root)
    assert run_dver("gc", "--restore", cwd=project.root).out == "the trash is empty\n"


@pytest.mark.parametrize(
    "arguments",
    [("--grace", "soon"), ("--offline",), ("--restore", "x", "--dry-run"), ("--forget", "nowhere"), ("--restore", "x")],
)
def test_arguments_that_make_no_sense_are_refused(project: Project, arguments: tuple[str, ...]) -> None:
    result = run_dver("gc", *arguments, cwd=project.root, rc=2)
    assert result.err.startswith("error: ")


# -- a remote


@pytest.fixture
def shared(project: Project, tmp_path: Path) -> Project:
    """A project with a Git remote and a data remote, both folders, and one version pushed."""
    git("init", "--quiet", "--bare", tmp_path / "origin.git", cwd=tmp_path)
    project.git("remote", "add", "origin", tmp_path / "origin.git")
    run_dver("remote", "add", "-d", "store", tmp_path / "remote", cwd=project.root)
    fill(project.root, 0)
    project.save("data")
    run_dver("push", cwd=project.root)
    project.git("push", "--quiet", "-u", "origin", "main")
    return project


def test_a_remote_is_collected_and_what_is_needed_can_still_be_pulled(
    run: Run, shared: Project, tmp_path: Path
) -> None:
    fill(shared.root, 1)
    shared.save("data")
    run("push", cwd=shared.root)
    shared.git("reset", "--quiet", "--hard", "HEAD~1")
    shutil.rmtree(shared.root / ".git/logs")
    (shared.root / ".git/ORIG_HEAD").unlink()
    run("checkout", "--force", cwd=shared.root)
    before = size_of(tmp_path / "remote")
    assert run("gc", "--remote", "store", "--dry-run", cwd=shared.root).out.startswith("would condemn")
    assert size_of(tmp_path / "remote") == before
    assert run("gc", "--remote", "store", "--grace", "0d", cwd=shared.root).out.startswith("condemned")
    run("gc", "--remote", "store", "--grace", "0d", cwd=shared.root)
    assert size_of(tmp_path / "remote") < before - 2_000_000
    git("clone", "--quiet", tmp_path / "origin.git", tmp_path / "fresh", cwd=tmp_path)
    run("pull", cwd=tmp_path / "fresh")
    assert_all_there(Project(tmp_path / "fresh"))


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_remote_is_not_collected_where_commits_of_others_are_not_known(
    run: Run, shared: Project, tmp_path: Path
) -> None:
    git("clone", "--quiet", tmp_path / "origin.git", tmp_path / "other", cwd=tmp_path)
    other = Project(tmp_path / "other")
    run("pull", cwd=other.root)
    fill(other.root, 1)
    other.save("data")
    run("push", cwd=other.root)
    other.git("push", "--quiet", "origin", "main:theirs")
    refused = run("gc", "--remote", "store", cwd=shared.root, rc=3)
    assert "theirs" in refused.err
    assert "git fetch --all" in refused.err
    shared.git("fetch", "--quiet", "--all")
    run("gc", "--remote", "store", "--grace", "0d", cwd=shared.root)
    run("gc", "--remote", "store", "--grace", "0d", cwd=shared.root)
    run("check", "available", "--remote", cwd=other.root)


def test_a_remote_is_not_collected_by_a_shallow_clone_or_one_that_cannot_ask(
    run: Run, shared: Project, tmp_path: Path
) -> None:
    shared.commit("Another")
    shared.git("push", "--quiet", "origin", "main")
    origin = tmp_path / "origin.git"
    git("clone", "--quiet", "--depth=1", origin.as_uri(), tmp_path / "shallow", cwd=tmp_path)
    refused = run("gc", "--remote", "store", cwd=tmp_path / "shallow", rc=3)
    assert "--unshallow" in refused.err
    origin.rename(tmp_path / "unplugged")
    refused = run("gc", "--remote", "store", cwd=shared.root, rc=3)
    assert "--offline" in refused.err
    run("gc", "--remote", "store", "--offline", cwd=shared.root)
    assert os.listdir(tmp_path / "remote")


def test_a_remote_is_not_collected_where_pull_requests_are_not_known(run: Run, shared: Project, tmp_path: Path) -> None:
    git("clone", "--quiet", tmp_path / "origin.git", tmp_path / "other", cwd=tmp_path)
    other = Project(tmp_path / "other")
    run("pull", cwd=other.root)
    fill(other.root, 1)
    other.save("data")
    run("push", cwd=other.root)
    other.git("push", "--quiet", "origin", "main:refs/pull/1/head")
    refused = run("gc", "--remote", "store", cwd=shared.root, rc=3)
    assert "origin pull/1/head" in refused.err
    assert "git fetch origin '+refs/pull/*:refs/dver/origin/pull/*', then" in refused.err
    shared.git("fetch", "--quiet", "origin", "+refs/pull/*:refs/dver/origin/pull/*")
    run("gc", "--remote", "store", "--grace", "0d", cwd=shared.root)
    run("gc", "--remote", "store", "--grace", "0d", cwd=shared.root)
    run("check", "available", "--remote", cwd=other.root)


def test_what_is_unreferenced_and_stays_is_not_called_referenced(run: Run, project: Project) -> None:
    for number in range(60):
        path = project.root / f"data/f{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(random.Random(number).randbytes(20_000))
    (project.root / "data/small").write_text("a small file\n")
    run("add", "data", cwd=project.root)
    assert run("gc", "--dry-run", cwd=project.root).out.startswith("nothing to remove: all data in the store is ref")
    (project.root / "data/small").unlink()
    run("add", "data", cwd=project.root)
    project.commit()
    planned = run("gc", "--dry-run", cwd=project.root)
    assert planned.out.startswith("nothing to remove\nleft ")
    assert "a directory with" in run("gc", "--dry-run", "-v", cwd=project.root).out


def test_what_keeps_lost_commits_is_named(run: Run, project: Project) -> None:
    fill(project.root, 0)
    project.save("data")
    fill(project.root, 1)
    project.save("data")
    project.git("reset", "--quiet", "--hard", "HEAD~1")
    shutil.rmtree(project.root / ".git/logs")
    assert "ORIG_HEAD" not in run("gc", "--dry-run", cwd=project.root).out
    explained = run("gc", "--dry-run", "-v", cwd=project.root)
    assert "  ORIG_HEAD keeps 1 commit that no branch or tag reaches\n" in explained.out
    (holder,) = run("gc", "--dry-run", "-v", "--json", cwd=project.root).json["reasons"]["holders"]
    assert holder == {"source": "ORIG_HEAD", "commits": 1}
    (project.root / ".git/ORIG_HEAD").unlink()
    assert "no branch or tag" not in run("gc", "--dry-run", "-v", cwd=project.root).out


def test_a_grace_of_zero_shortens_that_of_what_is_condemned(run: Run, shared: Project, tmp_path: Path) -> None:
    fill(shared.root, 1)
    shared.save("data")
    run("push", cwd=shared.root)
    shared.git("reset", "--quiet", "--hard", "HEAD~1")
    shutil.rmtree(shared.root / ".git/logs")
    (shared.root / ".git/ORIG_HEAD").unlink()
    run("checkout", "--force", cwd=shared.root)
    before = size_of(tmp_path / "remote")
    run("gc", "--remote", "store", cwd=shared.root)
    run("gc", "--remote", "store", "--grace", "0d", cwd=shared.root)
    assert "deleted" in run("gc", "--remote", "store", "--grace", "0d", cwd=shared.root).out
    assert size_of(tmp_path / "remote") < before - 2_000_000
    run("check", "available", "--remote", cwd=shared.root)


def test_a_clock_that_is_behind_the_commits_is_refused(
    run: Run, shared: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 20 * 86_400))
    monkeypatch.setenv("GIT_COMMITTER_DATE", later)
    shared.commit("From a machine whose clock is right")
    refused = run("gc", "--remote", "store", cwd=shared.root, rc=8)
    assert "clock seems to be behind" in refused.err
    assert "(main) is from" in refused.err
    assert "dver gc --remote store --grace 14d" in refused.err
    run("gc", "--remote", "store", "--grace", "14d", cwd=shared.root)
