"""Conflicts that are not decided file by file: lock files, data without its directories, branches that crossed."""

from __future__ import annotations

from pathlib import Path

import pytest
from merging import BASE, clone_without_data, commit, diverge, files, unmerged, use_driver
from support import Run, git, make_git_repo

from dver.formats import lock, pointer
from dver.formats.lock import Lock, LockedStage


@pytest.fixture
def repo(run: Run, tmp_path: Path) -> Path:
    repo = make_git_repo(tmp_path / "a repo")
    run("init", "--no-hooks", cwd=repo)
    use_driver(repo)
    commit(run, repo, BASE, "Base")
    git("branch", "-q", "other", cwd=repo)
    return repo


def lock_with(path: Path, **stages: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(lock.encode(Lock({name: LockedStage(cmd) for name, cmd in stages.items()})))


def commands(path: Path) -> dict[str, object]:
    return {name: stage.cmd for name, stage in lock.decode(path.read_bytes()).stages.items()}


@pytest.fixture
def locks(repo: Path) -> tuple[Path, Path]:
    """Two lock files in a merge, each with one stage in conflict and others that are not."""
    paths = repo / "dver.lock", repo / "sub/dver.lock"

    def save(**stages: str) -> None:
        for path in paths:
            lock_with(path, **stages)
        git("add", "-A", cwd=repo)
        git("commit", "-qm", "Lock", cwd=repo)

    save(a="1", b="1", gone="1")
    git("branch", "-f", "other", cwd=repo)
    save(a="2", b="1", c="ours", gone="1")
    git("checkout", "-q", "other", cwd=repo)
    save(a="3", b="2")
    git("checkout", "-q", "main", cwd=repo)
    git("merge", "-q", "other", cwd=repo, rc=1)
    return paths


def test_a_lock_file_is_resolved_stage_by_stage(run: Run, repo: Path, locks: tuple[Path, Path]) -> None:
    told = run("resolve", cwd=repo)
    assert "  dver.lock: both sides changed a\n" in told.out
    assert "dver resolve dver.lock --ours or --theirs" in told.err
    assert run("resolve", "--json", cwd=repo).json["locks"][1] == {"path": "sub/dver.lock", "stages": ["a"]}
    locks[0].write_text("whatever is in the file")
    run("resolve", "dver.lock", "--ours", cwd=repo)
    assert commands(locks[0]) == {"a": "2", "b": "2", "c": "ours"}
    run("resolve", "dver.lock", "--theirs", cwd=repo / "sub")
    assert commands(locks[1]) == {"a": "3", "b": "2", "c": "ours"}
    assert unmerged(repo) == ""
    git("commit", "-qm", "Merged", cwd=repo)
    assert git("status", "--porcelain", cwd=repo) == ""


def test_both_versions_of_a_lock_file_cannot_be_kept(run: Run, repo: Path, locks: tuple[Path, Path]) -> None:
    before = locks[0].read_bytes()
    for option in ("--union", "--both"):
        assert "dver repro" in run("resolve", "dver.lock", option, cwd=repo, rc=2).err
    assert "dver.lock" in run("resolve", ".", "--union", cwd=repo).out
    assert locks[0].read_bytes() == before
    run("resolve", ".", "--theirs", cwd=repo)
    assert unmerged(repo) == ""


def test_the_driver_names_the_command_that_resolves_a_lock_file(run: Run, repo: Path) -> None:
    for number, name in enumerate(("base", "ours", "theirs")):
        lock_with(repo / name, a=str(number))
    told = run("merge-driver", "base", "ours", "theirs", "7", "dver.lock", cwd=repo, rc=1)
    assert "dver resolve dver.lock --ours or --theirs" in told.err


@pytest.mark.parametrize(("choice", "left"), [("--ours", True), ("--theirs", False)])
def test_a_lock_file_that_one_side_deleted_is_decided_as_a_whole(run: Run, repo: Path, choice: str, left: bool) -> None:
    lock_with(repo / "dver.lock", a="1")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Lock", cwd=repo)
    git("branch", "-f", "other", cwd=repo)
    lock_with(repo / "dver.lock", a="2")
    git("commit", "-qam", "Changed", cwd=repo)
    git("checkout", "-q", "other", cwd=repo)
    git("rm", "-q", "dver.lock", cwd=repo)
    git("commit", "-qm", "Deleted", cwd=repo)
    git("checkout", "-q", "main", cwd=repo)
    git("merge", "-q", "other", cwd=repo, rc=1)
    assert "one side deleted it" in run("resolve", cwd=repo).out
    run("resolve", "dver.lock", choice, cwd=repo)
    assert (repo / "dver.lock").exists() == left
    assert unmerged(repo) == ""


@pytest.mark.parametrize(("choice", "branch"), [("--ours", "main"), ("--theirs", "other")])
def test_one_side_is_taken_whole_where_directories_are_not_to_be_had(
    run: Run, repo: Path, choice: str, branch: str
) -> None:
    diverge(run, repo, {**BASE, "mine": b"m\n"}, {**BASE, "yours": b"y\n"})
    clone = clone_without_data(run, repo)
    (repo.parent / "remote").rename(repo.parent / "away")
    git("merge", "-q", "other", cwd=clone, rc=1)
    assert "or take one side whole" in run("resolve", "data", "--union", cwd=clone, rc=5).err
    run("resolve", "data/mine", choice, cwd=clone, rc=5)
    told = run("resolve", "data", choice, cwd=clone, rc=None)
    assert "took one side of data completely" in told.err
    assert unmerged(clone) == ""
    assert (clone / "data.dver").read_text() == git("show", f"{branch}:data.dver", cwd=clone)
    git("commit", "-qm", "Merged", cwd=clone)
    (repo.parent / "away").rename(repo.parent / "remote")
    run("pull", cwd=clone)
    assert files(clone) == {**BASE, **({"mine": b"m\n"} if branch == "main" else {"yours": b"y\n"})}


def cross(run: Run, repo: Path, one: str, two: str) -> None:
    """Two branches that edited a.csv differently have merged each other, and decided for the side `one`, and `two`."""
    diverge(run, repo, {**BASE, "a.csv": b"ours\n"}, {**BASE, "a.csv": b"theirs\n"})
    git("branch", "-q", "mine", cwd=repo)
    git("merge", "-q", "other", cwd=repo, rc=1)
    run("resolve", "data", one, cwd=repo)
    git("commit", "-qm", "Merged", cwd=repo)
    git("checkout", "-q", "other", cwd=repo)
    git("merge", "-q", "mine", cwd=repo, rc=1)
    run("resolve", "data", two, cwd=repo)
    git("commit", "-qm", "Merged", cwd=repo)
    run("checkout", cwd=repo)


def test_branches_that_crossed_and_decided_alike_are_merged(run: Run, repo: Path) -> None:
    cross(run, repo, "--ours", "--theirs")
    commit(run, repo, {"a.csv": b"ours\n", "b.csv": b"b\n"}, "One less")
    git("checkout", "-q", "main", cwd=repo)
    run("checkout", cwd=repo)
    commit(run, repo, {**BASE, "a.csv": b"ours\n", "new": b"n\n"}, "One more")
    git("merge", "-q", "--no-edit", "other", cwd=repo)
    run("checkout", cwd=repo)
    assert files(repo) == {"a.csv": b"ours\n", "b.csv": b"b\n", "new": b"n\n"}


def test_branches_that_crossed_and_decided_otherwise_are_a_conflict(run: Run, repo: Path) -> None:
    cross(run, repo, "--ours", "--ours")
    commit(run, repo, {"a.csv": b"theirs\n", "b.csv": b"b\n"}, "One less")
    git("checkout", "-q", "main", cwd=repo)
    run("checkout", cwd=repo)
    commit(run, repo, {**BASE, "a.csv": b"ours\n", "new": b"n\n"}, "One more")
    git("merge", "-q", "--no-edit", "other", cwd=repo, rc=1)
    assert unmerged(repo).count("data.dver") == 3
    assert "data  (ours: " in run("resolve", cwd=repo).out
    assert "as a whole" in run("resolve", "data/a.csv", "--ours", cwd=repo, rc=2).err
    run("resolve", "data", "--theirs", cwd=repo)
    assert files(repo) == {"a.csv": b"theirs\n", "b.csv": b"b\n"}
    assert pointer.decode((repo / "data.dver").read_bytes()).files == 2


def test_outputs_of_a_lock_file_are_downloaded_before_it_is_staged(run: Run, repo: Path) -> None:
    def produce(content: str) -> None:
        (repo / "in").write_text(content)
        run("repro", cwd=repo)
        git("add", "-A", cwd=repo)
        git("commit", "-qm", content, cwd=repo)

    (repo / "dver.yaml").write_text("stages:\n  copy:\n    cmd: cp in out\n    deps: [in]\n    outs: [out]\n")
    produce("base")
    git("branch", "-f", "other", cwd=repo)
    git("checkout", "-q", "other", cwd=repo)
    produce("theirs")
    git("checkout", "-q", "main", cwd=repo)
    produce("ours")
    clone = clone_without_data(run, repo)
    run("pull", "out", cwd=clone)
    git("merge", "-q", "other", cwd=clone, rc=1)
    before = unmerged(clone)
    (repo.parent / "remote").rename(repo.parent / "away")
    assert "`dver repro` makes them" in run("resolve", "dver.lock", "--theirs", cwd=clone, rc=5).err
    assert (unmerged(clone), (clone / "out").read_text()) == (before, "ours")
    (repo.parent / "away").rename(repo.parent / "remote")
    run("resolve", "dver.lock", "--theirs", cwd=clone)
    assert (clone / "out").read_text() == "theirs"
