"""The run cache of a team: what one has run costs the others a download."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from githooks import git_says, put_dver_on_path
from servers import S3Server
from support import Run, git

STAGES = """\
stages:
  prepare: {cmd: "echo clean > clean; cat raw/* >> clean; echo prepare >> $COUNT", deps: [raw], outs: [clean]}
  train:
    cmd: "cat clean > model; echo rate ${rate} >> model; echo rate: ${rate} > score.yaml; echo train >> $COUNT"
    deps: [clean]
    params: [rate]
    outs: [model]
    metrics: [score.yaml: {cache: false}]
"""

Team = Callable[[str], Path]


@pytest.fixture
def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a line for each time that a command is run."""
    monkeypatch.setenv("COUNT", str(tmp_path / "count"))
    (tmp_path / "count").touch()
    return tmp_path / "count"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A folder to push to."""
    return tmp_path / "remote"


@pytest.fixture
def first(run: Run, tmp_path: Path, remote: Path, count: Path) -> Path:
    """A clone with stages that were never run, and data that is on the remote."""
    repo = tmp_path / "first"
    repo.mkdir()
    git("init", "-q", "-b", "main", cwd=repo)
    run("init", cwd=repo)
    run("remote", "add", "-d", "origin", remote, cwd=repo)
    (repo / "raw").mkdir()
    (repo / "raw" / "a").write_text("a\n")
    (repo / "dver.yaml").write_text(STAGES)
    (repo / "params.yaml").write_text("rate: 1\n")
    run("add", "raw", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Stages", cwd=repo)
    run("push", cwd=repo)
    return repo


@pytest.fixture
def clone(first: Path, tmp_path: Path) -> Team:
    """Clones the first clone."""

    def made(name: str) -> Path:
        git("clone", "-q", first, tmp_path / name, cwd=tmp_path)
        return tmp_path / name

    return made


def ran(count: Path) -> list[str]:
    """What was run since the last time."""
    found = count.read_text().split()
    count.write_text("")
    return found


def test_a_commit_that_somebody_ran_costs_others_a_download(run: Run, first: Path, clone: Team, count: Path) -> None:
    run("repro", cwd=first)
    assert "pushed 2 run cache entries" in run("push", cwd=first).out  # and nothing is committed
    ran(count)
    second = clone("second")
    shown = run("repro", "--pull", cwd=second).err
    assert "prepare: restored" in shown
    assert "train: restored" in shown
    assert ran(count) == []
    assert (second / "model").read_text() == "clean\na\nrate 1\n"
    assert (second / "score.yaml").read_text() == "rate: 1\n"
    assert (second / "dver.lock").read_bytes() == (first / "dver.lock").read_bytes()
    assert "everything is up to date" in run("repro", cwd=second).out


def test_a_lock_that_is_committed_is_enough(run: Run, first: Path, clone: Team, count: Path, remote: Path) -> None:
    run("repro", cwd=first)
    git("add", "-A", cwd=first)
    git("commit", "-qm", "Run", cwd=first)
    run("push", cwd=first)
    for batch in remote.glob("indexes/*.runs"):
        batch.unlink()
    ran(count)
    second = clone("second")
    run("repro", "--pull", cwd=second)
    assert ran(count) == []
    assert (second / "model").read_text() == "clean\na\nrate 1\n"


def test_without_being_asked_to_a_run_reaches_for_no_remote(
    run: Run, first: Path, clone: Team, count: Path, remote: Path
) -> None:
    run("repro", cwd=first)
    run("push", cwd=first)
    ran(count)
    second = clone("second")
    run("pull", "raw", cwd=second)
    remote.rename(remote.with_name("away"))
    (second / "params.yaml").write_text("rate: 2\n")
    run("repro", cwd=second)
    assert ran(count) == ["prepare", "train"]


def test_only_what_is_stale_is_asked_for(run: Run, first: Path, clone: Team, count: Path) -> None:
    run("repro", cwd=first)
    run("push", cwd=first)
    ran(count)
    second = clone("second")
    (second / "params.yaml").write_text("rate: 2\n")
    shown = run("repro", "--pull", cwd=second).err
    assert "prepare: restored" in shown
    assert ran(count) == ["train"]
    assert (second / "model").read_text() == "clean\na\nrate 2\n"


def test_a_run_whose_outputs_are_nowhere_is_no_hit(
    run: Run, first: Path, clone: Team, count: Path, remote: Path
) -> None:
    run("repro", cwd=first)
    git("rm", "-rq", "--cached", "dver.lock", cwd=first)
    before = {*remote.glob("packs/*"), *remote.glob("indexes/*.idx")}
    run("push", cwd=first)
    for made in {*remote.glob("packs/*"), *remote.glob("indexes/*.idx")} - before:
        made.unlink()
    ran(count)
    run("repro", "--pull", cwd=clone("second"))
    assert ran(count) == ["prepare", "train"]


def test_damage_is_told_and_nothing_is_taken_from_it(
    run: Run, first: Path, clone: Team, count: Path, remote: Path
) -> None:
    run("repro", cwd=first)
    run("push", cwd=first)
    (batch,) = remote.glob("indexes/*.runs")
    content = bytearray(batch.read_bytes())
    content[len(content) // 2] ^= 1
    batch.write_bytes(content)
    ran(count)
    second = clone("second")
    assert "skipped damaged run cache entries" in run("repro", "--pull", cwd=second).err
    assert ran(count) == ["prepare", "train"]
    assert "skipped damaged run cache entries" in run("fetch", "--run-cache", cwd=second).err
    batch.unlink()
    assert "pushed 2 run cache entries" in run("push", "--run-cache", cwd=first).out
    run("repro", "--pull", cwd=clone("third"))
    assert ran(count) == []


def test_a_remote_that_cannot_be_reached_is_an_error(run: Run, first: Path, count: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()[1]
    run("remote", "set", "origin", "url", "s3://bucket/prefix", cwd=first)
    run("remote", "set", "origin", "endpoint_url", f"http://127.0.0.1:{nobody}", cwd=first)
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert "cannot reach" in run("repro", "--pull", cwd=first, rc=7, env=keys).err
    assert ran(count) == []
    run("repro", cwd=first)


def test_what_is_known_there_is_not_sent_again(run: Run, first: Path, clone: Team, remote: Path) -> None:
    run("repro", cwd=first)
    run("push", cwd=first)
    batches = sorted(remote.glob("indexes/*.runs"))
    assert "has everything" in run("push", cwd=first).out
    assert "run cache" not in run("push", "--run-cache", cwd=first).out
    second = clone("second")
    run("repro", "--pull", cwd=second)
    assert "run cache" not in run("push", "--run-cache", cwd=second).out
    assert sorted(remote.glob("indexes/*.runs")) == batches


def test_all_that_was_tried_can_be_sent_and_fetched(run: Run, first: Path, clone: Team, count: Path) -> None:
    for rate in (1, 2, 3):
        (first / "params.yaml").write_text(f"rate: {rate}\n")
        run("repro", cwd=first)
    assert "pushed 2 run cache entries" in run("push", cwd=first).out
    assert "pushed 2 run cache entries" in run("push", "--run-cache", cwd=first).out
    ran(count)
    second = clone("second")
    assert "fetched 4 run cache entries" in run("fetch", "--run-cache", cwd=second).out
    for rate in (3, 1, 2):
        (second / "params.yaml").write_text(f"rate: {rate}\n")
        run("repro", "--pull", cwd=second)
        assert (second / "model").read_text() == f"clean\na\nrate {rate}\n"
        assert (second / "score.yaml").read_text() == f"rate: {rate}\n"
    assert ran(count) == []


def test_lineage_is_known_in_another_clone(run: Run, first: Path, clone: Team) -> None:
    run("repro", cwd=first)
    git("add", "-A", cwd=first)
    git("commit", "-qm", "Run", cwd=first)
    run("push", cwd=first)
    second = clone("second")
    assert "no record of this run" in run("lineage", "model", cwd=second).out
    assert "fetched 2 run cache entries" in run("pull", cwd=second).out
    assert "no record of this run" not in run("lineage", "model", cwd=second).out


def test_git_push_tells_of_runs(
    run: Run, first: Path, clone: Team, count: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    git("init", "-q", "--bare", tmp_path / "hub", cwd=tmp_path)
    git("remote", "add", "hub", tmp_path / "hub", cwd=first)
    run("install", cwd=first)
    run("repro", cwd=first)
    git_says(first, "add", "-A")
    git_says(first, "commit", "-qm", "Run")
    git_says(first, "push", "-q", "hub", "main")
    git("reset", "-q", "--hard", "HEAD~1", cwd=first)
    second = clone("second")
    ran(count)
    run("repro", "--pull", cwd=second)
    assert ran(count) == []


def test_two_who_push_at_once_are_both_heard(run: Run, first: Path, clone: Team, count: Path) -> None:
    second = clone("second")
    for rate, repo in ((1, first), (2, second)):
        (repo / "params.yaml").write_text(f"rate: {rate}\n")
        run("repro", "--pull", cwd=repo)
    pushes = [subprocess.Popen([sys.executable, "-m", "dver", "push"], cwd=repo) for repo in (first, second)]
    assert [one.wait(timeout=120) for one in pushes] == [0, 0]
    ran(count)
    third = clone("third")
    for rate in (2, 1):
        (third / "params.yaml").write_text(f"rate: {rate}\n")
        run("repro", "--pull", cwd=third)
        assert (third / "model").read_text() == f"clean\na\nrate {rate}\n"
    assert ran(count) == []


def test_many_pushes_leave_few_batches_after_a_gc(
    run: Run, first: Path, clone: Team, count: Path, remote: Path
) -> None:
    for rate in range(33):
        (first / "params.yaml").write_text(f"rate: {rate}\n")
        run("repro", "train" if rate else "--force", cwd=first)
        run("push", cwd=first)
    assert len(list(remote.glob("indexes/*.runs"))) == 33
    run("gc", "--remote", "origin", "--offline", cwd=first)
    assert len(list(remote.glob("indexes/*.runs"))) == 1
    second = clone("second")
    (second / "params.yaml").write_text("rate: 7\n")
    ran(count)
    run("repro", "--pull", cwd=second)
    assert ran(count) == []
    assert "run cache" not in run("push", "--run-cache", cwd=second).out
    assert run("fsck", "--remote", cwd=second).rc == 0


def test_over_s3(
    run: Run, first: Path, clone: Team, count: Path, moto_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = moto_server.table()
    for key in ("url", "endpoint_url"):
        run("remote", "set", "origin", key, str(table[key]), cwd=first)
    for key, value in moto_server.credentials().items():
        monkeypatch.setenv(key, value)
    run("push", cwd=first)
    git("commit", "-qam", "A bucket", cwd=first)
    run("repro", cwd=first)
    run("push", cwd=first)
    ran(count)
    second = clone("second")
    run("repro", "--pull", "-j", "2", cwd=second)
    assert ran(count) == []
    assert (second / "model").read_text() == "clean\na\nrate 1\n"


def test_a_dry_run_tells_what_would_be_put_back(run: Run, first: Path, clone: Team, count: Path) -> None:
    run("repro", cwd=first)
    run("push", cwd=first)
    ran(count)
    second = clone("second")
    shown = run("repro", "--dry-run", "--pull", cwd=second).out
    assert "restore prepare" in shown
    assert "restore train" in shown
    alone = run("repro", "--dry-run", cwd=second)
    assert "run prepare" in alone.out
    assert "--pull" not in alone.err  # nothing is known here of earlier runs
    (second / "params.yaml").write_text("rate: 2\n")
    shown = run("repro", "--dry-run", "--pull", cwd=second).out
    assert "restore prepare" in shown
    assert "run train" in shown
    assert sorted(one.name for one in second.iterdir()) == [
        ".dver",
        ".git",
        ".gitignore",
        "dver.yaml",
        "params.yaml",
        "raw.dver",
    ]
    assert ran(count) == []


def test_what_came_before_is_seen_ahead(run: Run, first: Path) -> None:
    run("repro", cwd=first)
    (first / "raw" / "a").write_text("b\n")
    run("repro", cwd=first)
    (first / "raw" / "a").write_text("a\n")
    shown = run("repro", "--dry-run", cwd=first).out
    assert "restore prepare" in shown
    assert "restore train\n  changed: clean" in shown


def test_outputs_of_frozen_stages_are_fetched_for_those_that_read_them(
    run: Run, first: Path, clone: Team, count: Path
) -> None:
    run("repro", cwd=first)
    run("freeze", "prepare", cwd=first)
    git("add", "-A", cwd=first)
    git("commit", "-qm", "Frozen", cwd=first)
    run("push", cwd=first)
    ran(count)
    second = clone("second")
    (second / "params.yaml").write_text("rate: 2\n")
    run("repro", "--pull", cwd=second)
    assert ran(count) == ["train"]
    assert (second / "model").read_text() == "clean\na\nrate 2\n"
    assert not (second / "raw").exists()  # nothing that is run reads it


def test_outputs_of_stages_that_are_left_out_are_fetched(run: Run, first: Path, clone: Team, count: Path) -> None:
    run("repro", cwd=first)
    git("add", "-A", cwd=first)
    git("commit", "-qm", "Run", cwd=first)
    run("push", cwd=first)
    ran(count)
    second = clone("second")
    (second / "params.yaml").write_text("rate: 2\n")
    run("repro", "--pull", "--single-item", "train", cwd=second)
    assert ran(count) == ["train"]
    assert (second / "model").read_text() == "clean\na\nrate 2\n"


def test_a_gc_leaves_what_locks_name_and_an_entry_without_outputs_is_no_hit(run: Run, first: Path, count: Path) -> None:
    for rate in (1, 2):
        (first / "params.yaml").write_text(f"rate: {rate}\n")
        run("repro", cwd=first)
    git("add", "-A", cwd=first)
    git("commit", "-qm", "Run", cwd=first)
    run("gc", "--grace", "0d", cwd=first)
    ran(count)
    (first / "model").unlink()
    run("repro", cwd=first)
    assert ran(count) == []
    (first / "params.yaml").write_text("rate: 1\n")
    run("repro", cwd=first)
    assert ran(count) == ["train"]
    assert (first / "model").read_text() == "clean\na\nrate 1\n"


def test_who_could_download_instead_is_told_so(run: Run, first: Path, clone: Team, count: Path) -> None:
    run("repro", cwd=first)
    git("add", "-A", cwd=first)
    git("commit", "-qm", "Run", cwd=first)
    run("push", cwd=first)
    second = clone("second")
    run("pull", "raw", cwd=second)
    assert "1 stage would run although cached" in run("repro", "--dry-run", cwd=second).err
    assert "--pull" in run("repro", cwd=second).err
    assert "although cached" not in run("repro", "--force", cwd=second).err


def test_who_tries_something_else_can_go_back_to_what_others_made(
    run: Run, first: Path, clone: Team, count: Path, remote: Path
) -> None:
    run("repro", cwd=first)
    git("add", "-A", cwd=first)
    git("commit", "-qm", "Run", cwd=first)
    run("push", cwd=first)
    for batch in remote.glob("indexes/*.runs"):
        batch.unlink()
    second = clone("second")
    run("pull", cwd=second)
    (second / "params.yaml").write_text("rate: 2\n")
    run("repro", cwd=second)
    ran(count)
    for rate in (1, 2, 1):
        (second / "params.yaml").write_text(f"rate: {rate}\n")
        run("repro", cwd=second)
        assert (second / "score.yaml").read_text() == f"rate: {rate}\n"
    assert ran(count) == []


def test_what_persists_is_never_taken_back_to_an_earlier_state(run: Run, git_repo: Path) -> None:
    run("init", cwd=git_repo)
    (git_repo / "dver.yaml").write_text(
        "stages:\n  a: {cmd: cat in >> checkpoint, deps: [in], outs: [checkpoint: {persist: true}]}\n"
    )
    made = ""
    for content in "1213":
        (git_repo / "in").write_text(content)
        run("repro", cwd=git_repo)
        made += content
        assert (git_repo / "checkpoint").read_text() == made
    run("repro", "--force", cwd=git_repo)
    assert (git_repo / "checkpoint").read_text() == made + "3"
    # Changed by hand, it is what the next run goes on from.
    (git_repo / "checkpoint").write_text("by hand ")
    run("repro", cwd=git_repo)
    assert (git_repo / "checkpoint").read_text() == "by hand 3"
    # Gone, it is restored as it was last recorded.
    (git_repo / "checkpoint").unlink()
    run("repro", cwd=git_repo)
    assert (git_repo / "checkpoint").read_text() == "by hand 3"
    assert not list((git_repo / ".git/dver/store").glob("runs/*/*"))


def test_two_worktrees_that_need_the_same_run_at_once_execute_it_once(run: Run, first: Path, count: Path) -> None:
    slow = STAGES.replace("echo prepare >>", "sleep 0.5; echo prepare >>")
    (first / "dver.yaml").write_text(slow)
    git("commit", "-qam", "A slow stage", cwd=first)
    git("worktree", "add", "-q", "../other", cwd=first)
    run("checkout", cwd=first / "../other")
    command = [sys.executable, "-m", "dver", "repro"]
    both = [subprocess.Popen(command, cwd=at, stderr=subprocess.PIPE, text=True) for at in (first, first / "../other")]
    said = "".join(one.communicate()[1] for one in both)
    assert [one.returncode for one in both] == [0, 0], said
    assert count.read_text().split() == ["prepare", "train"]
    assert "prepare: restored" in said
    assert (first / "model").read_text() == (first / "../other/model").read_text()
