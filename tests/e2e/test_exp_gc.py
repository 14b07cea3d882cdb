"""Experiments and gc: all data of experiments is kept, and that of removed ones until the grace period ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from clones import Clone, clone_of, make_origin
from support import Templates, git


@pytest.fixture
def team(tmp_path: Path, templates: Templates) -> Path:
    """A directory with `origin.git` and the remote `store`."""
    return templates.copy("experiments-origin", tmp_path / "team", _make)


def _make(directory: Path) -> None:
    directory.mkdir()
    make_origin(directory)


@pytest.fixture
def alice(team: Path) -> Clone:
    return clone_of(team / "origin.git", team / "alice")


@pytest.fixture
def bob(team: Path) -> Clone:
    return clone_of(team / "origin.git", team / "bob")


def collect(clone: Clone) -> str:
    """A gc of the store and of Git, without any grace period."""
    out = clone.dver("gc", "--grace", "0d").out
    clone.git("reflog", "expire", "--expire=now", "--all")
    clone.git("gc", "--quiet", "--prune=now")
    clone.dver("gc", "--grace", "0d")
    return out


def rows(clone: Clone, commit: str) -> str:
    """The data of a commit, from the store."""
    return clone.dver("cat", "--rev", commit, "data/rows").out


def has_commit(clone: Clone, commit: str) -> bool:
    return clone.git("cat-file", "-t", commit, rc=None).strip() == "commit"


def test_an_experiment_whose_baseline_was_rebased_away_keeps_all_its_data(alice: Clone) -> None:
    alice.git("commit", "--quiet", "--allow-empty", "-m", "Baseline")
    kept = alice.save("kept")
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
    alice.dver("checkout", "--force")
    collect(alice)
    assert has_commit(alice, kept.baseline)
    assert has_commit(alice, kept.commit)
    (alice.root / ".git/dver/config.toml").write_text("")
    assert rows(alice, kept.commit) == "rows of kept\n"
    assert alice.names() == ["kept"]


def test_a_removed_experiment_can_be_restored_until_a_gc_drops_it(alice: Clone) -> None:
    one, two = alice.save("one"), alice.save("two")
    alice.git("checkout", "--quiet", "--force", "main")
    alice.dver("checkout", "--force")
    alice.dver("exp", "remove", "one")
    alice.git("gc", "--quiet", "--prune=now")
    assert "experiment" not in alice.dver("gc").out
    assert alice.dver("exp", "list", "--removed", "--names-only").out == "one\n"
    alice.dver("exp", "remove", "--restore", "one")
    assert rows(alice, one.commit) == "rows of one\n"
    alice.dver("exp", "remove", "one")
    assert alice.dver("gc", "--grace", "0d", "--dry-run").out.startswith(
        "would drop 1 removed experiment for good, with their data\n"
    )
    assert collect(alice).startswith("dropped 1 removed experiment for good\n")
    assert not has_commit(alice, one.commit)
    assert alice.dver("exp", "list", "--removed", "--names-only").out == ""
    refused = alice.dver("exp", "remove", "--restore", "one", rc=5)
    assert "a gc has deleted the commit since" in refused.err
    assert alice.names() == ["two"]
    assert rows(alice, two.commit) == "rows of two\n"
    assert collect(alice).startswith("nothing to remove")


def test_a_restored_experiment_is_kept_although_a_gc_had_dropped_another(alice: Clone) -> None:
    one, two = alice.save("one"), alice.save("two")
    alice.dver("exp", "remove", "one", "two")
    alice.dver("exp", "remove", "--restore", "one")
    collect(alice)
    alice.dver("exp", "rename", "one", "uno")
    collect(alice)
    assert has_commit(alice, one.commit)
    assert not has_commit(alice, two.commit)
    assert alice.experiment("uno").metrics == one.metrics


def test_logs_survive_a_gc(alice: Clone) -> None:
    alice.dver("exp", "run", "-n", "logged")
    alice.save("gone")
    alice.dver("exp", "remove", "gone")
    alice.dver("exp", "rename", "logged", "renamed")
    with alice.journal() as journal:
        before = journal.all()
        log = journal.log_tail(before[0].id)
    assert log is not None
    assert b"trained" in log
    collect(alice)
    with alice.journal() as journal:
        assert journal.all() == before
        assert journal.log_tail(before[0].id) == log


def test_the_next_push_drops_experiments_that_gc_has_dropped_for_all(alice: Clone, bob: Clone, team: Path) -> None:
    gone, kept = alice.save("gone"), alice.save("kept")
    alice.git("reset", "--quiet", "--hard")
    alice.dver("checkout", "--force")
    alice.dver("exp", "push")
    bob.dver("exp", "pull")
    alice.dver("exp", "remove", "gone")
    alice.dver("exp", "push")
    collect(alice)
    assert has_commit(alice, gone.commit)  # it is still published
    assert "dropped 1 experiment from origin" in alice.dver("exp", "push").out
    assert alice.dver("exp", "push").out == "origin is up to date\n"
    collect(alice)
    assert not has_commit(alice, gone.commit)
    bob.dver("exp", "pull")
    assert bob.names() == ["kept"]
    collect(bob)
    assert not has_commit(bob, gone.commit)
    assert rows(bob, kept.commit) == "rows of kept\n"
    git("gc", "--quiet", "--prune=now", cwd=team / "origin.git")
    new = clone_of(team / "origin.git", team / "new")
    new.dver("exp", "pull")
    assert new.names() == ["kept"]


def test_an_experiment_that_a_colleague_restored_is_not_dropped(alice: Clone, bob: Clone) -> None:
    one = alice.save("one")
    alice.dver("exp", "push")
    alice.dver("exp", "remove", "one")
    alice.dver("exp", "push")
    bob.dver("exp", "pull")
    bob.dver("exp", "fetch", "--all")
    bob.dver("exp", "remove", "--restore", "one")
    bob.dver("exp", "push")
    collect(alice)  # alice does not know that bob restored it
    alice.dver("exp", "push")
    alice.dver("exp", "fetch")
    bob.dver("exp", "pull")
    for clone in (alice, bob):
        assert clone.names() == ["one"]
        collect(clone)
        assert has_commit(clone, one.commit)
        assert clone.experiment("one").metrics == one.metrics
    alice.dver("exp", "pull", "one")
    assert rows(alice, one.commit) == "rows of one\n"


def test_a_gc_of_the_remote_refuses_before_unknown_experiments_are_fetched(
    alice: Clone, bob: Clone, team: Path
) -> None:
    one = bob.save("one")
    bob.dver("exp", "push")
    refused = alice.dver("gc", "--remote", "store", "--grace", "0d", rc=3)
    assert "does not have all commits of its Git remotes: origin dver/experiments/" in refused.err
    assert "fix: dver exp fetch origin, then run the same command again" in refused.err
    alice.dver("exp", "fetch", "origin")
    for _ in range(2):
        alice.dver("gc", "--remote", "store", "--grace", "0d")
    new = clone_of(team / "origin.git", team / "new")
    new.dver("exp", "pull")
    assert rows(new, one.commit) == "rows of one\n"


def test_a_gc_of_the_remote_removes_the_data_of_dropped_experiments(alice: Clone, team: Path) -> None:
    gone = alice.save("gone")
    alice.dver("exp", "push")
    kept = alice.save("kept")
    alice.git("reset", "--quiet", "--hard")
    alice.dver("checkout", "--force")
    alice.dver("exp", "push")
    alice.dver("exp", "remove", "gone")
    collect(alice)
    alice.dver("exp", "push")
    collect(alice)
    assert not has_commit(alice, gone.commit)
    outputs = [alice.dver("gc", "--remote", "store", "--grace", "0d").out for _ in range(2)]
    assert outputs[0].startswith("condemned ")
    assert "deleted 1 pack" in outputs[1]
    new = clone_of(team / "origin.git", team / "new")
    new.dver("exp", "pull")
    assert rows(new, kept.commit) == "rows of kept\n"
