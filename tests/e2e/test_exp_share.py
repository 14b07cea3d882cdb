"""Experiments that are shared through a Git remote: nothing is lost, mixed or published before its data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from clones import Clone, clone_of, make_origin
from gitserver import git_server
from support import Templates, git


@pytest.fixture
def team(tmp_path: Path, templates: Templates) -> Path:
    """A directory with `origin.git` and the remote `store`."""
    templates.copy("experiments-origin", tmp_path / "team", _make)
    return tmp_path / "team"


def _make(directory: Path) -> None:
    directory.mkdir()
    make_origin(directory)


@pytest.fixture
def alice(team: Path) -> Clone:
    return clone_of(team / "origin.git", team / "alice")


@pytest.fixture
def bob(team: Path) -> Clone:
    return clone_of(team / "origin.git", team / "bob")


def published(team: Path) -> list[str]:
    return git("for-each-ref", "--format=%(refname)", "refs/dver", cwd=team / "origin.git").splitlines()


def test_another_clone_gets_records_commits_data_runs_and_logs(alice: Clone, bob: Clone, team: Path) -> None:
    alice.dver("exp", "run", "-n", "first")
    alice.save("second", "other rows\n")
    assert alice.dver("exp", "push").out.endswith("pushed 2 experiments to origin: first, second\n")
    assert len(published(team)) == 1
    assert bob.dver("exp", "pull").out.startswith("fetched 2 experiments of origin: first, second\n")
    with alice.journal() as ours, bob.journal() as theirs:
        assert theirs.all() == ours.all()
        (first, second) = theirs.all()
        assert theirs.log_tail(first.id) == ours.log_tail(first.id)
        assert b"trained" in (theirs.log_tail(first.id) or b"")
    bob.git("checkout", "--quiet", "main")
    assert bob.dver("repro", "--pull").out.startswith("1 stage restored, ")
    bob.git("reset", "--quiet", "--hard")
    bob.git("clean", "--quiet", "--force")
    shutil.rmtree(team / "store")  # all of the data is in the store by now
    bob.git("checkout", "--quiet", second.commit)
    bob.dver("checkout")
    assert (bob.root / "data/rows").read_text() == "other rows\n"
    bob.git("checkout", "--quiet", "--force", first.commit)
    bob.dver("checkout", "--force")
    assert (bob.root / "model").read_text().endswith("lr: 1\n")


def test_a_push_or_fetch_with_nothing_new_says_so(alice: Clone, bob: Clone) -> None:
    assert alice.dver("exp", "push").out == "origin is up to date\n"
    alice.save("one")
    alice.dver("exp", "push")
    before = alice.refs()
    assert alice.dver("exp", "push").out == "origin is up to date\n"
    assert alice.refs() == before
    bob.dver("exp", "fetch")
    assert bob.dver("exp", "fetch").out == "no new experiments on origin\n"


def test_fetch_downloads_the_data_of_named_experiments_only(alice: Clone, bob: Clone) -> None:
    for name in ("one", "two"):
        alice.save(name)
    alice.dver("exp", "push")
    assert bob.dver("exp", "fetch").out == "fetched 2 experiments of origin: one, two\n"
    assert "fetched 1 file, " in bob.dver("exp", "fetch", "origin", "two").out
    assert "fetched 1 file, " in bob.dver("exp", "fetch", "--all").out
    assert bob.dver("exp", "pull").out.endswith("the store has the data of 2 experiments\n")
    refused = bob.dver("exp", "pull", "thre", rc=2)
    assert "no experiment 'thre'" in refused.err


def test_experiments_of_others_are_not_published_again(alice: Clone, bob: Clone, team: Path) -> None:
    alice.save("one")
    alice.dver("exp", "push")
    bob.dver("exp", "pull")
    assert bob.dver("exp", "push", "--all").out == "origin is up to date\n"
    assert bob.dver("exp", "push", "origin", "one").out == "origin is up to date\n"
    assert len(published(team)) == 1


def test_two_experiments_of_one_name_both_stay(alice: Clone, bob: Clone) -> None:
    mine, yours = alice.save("same", "rows of alice\n"), bob.save("same", "rows of bob\n")
    alice.dver("exp", "push")
    bob.dver("exp", "push")
    for clone in (alice, bob):
        clone.dver("exp", "pull")
        assert clone.names() == ["same", "same"]
        listed = clone.dver("exp", "list").out.splitlines()
        assert [line.split("  ")[0] for line in listed] == [f"same ({one.id[:8]})" for one in (mine, yours)]
    bob.dver("exp", "rename", "same", "of-bob")
    with bob.journal() as journal:
        assert {one.id: one.name for one in journal.all()} == {mine.id: "same", yours.id: "of-bob"}
    alice.dver("exp", "rename", yours.id[:8], "by-id")
    with alice.journal() as journal:
        assert {one.id: one.name for one in journal.all()} == {mine.id: "same", yours.id: "by-id"}


def test_the_last_change_of_an_experiment_counts_for_all(alice: Clone, bob: Clone) -> None:
    for name in ("one", "two", "three"):
        alice.save(name)
    alice.dver("exp", "push")
    bob.dver("exp", "fetch")
    bob.dver("exp", "rename", "one", "uno")
    bob.dver("exp", "remove", "two")
    assert bob.dver("exp", "push").out == (
        "pushed 1 experiment to origin: uno\npushed the removal of 1 experiment to origin: two\n"
    )
    assert alice.dver("exp", "fetch").out == (
        "updated 1 experiment of origin: uno\nremoved 1 experiment of origin: two\n"
    )
    assert alice.names() == ["uno", "three"]
    alice.dver("exp", "remove", "--restore", "two")
    alice.dver("exp", "push")
    bob.dver("exp", "pull", "two")
    assert bob.names() == ["uno", "two", "three"]


def test_removed_experiments_that_were_never_published_stay_private(alice: Clone, team: Path) -> None:
    alice.save("one")
    alice.dver("exp", "remove", "one")
    assert alice.dver("exp", "push").out == "origin is up to date\n"
    assert published(team) == []


def test_by_default_experiments_of_the_current_branch_are_pushed(alice: Clone, bob: Clone) -> None:
    alice.git("checkout", "--quiet", "-b", "other")
    alice.git("commit", "--quiet", "--allow-empty", "-m", "On another branch")
    alice.save("elsewhere")
    alice.git("checkout", "--quiet", "--force", "main")
    alice.save("here")
    pushed = alice.dver("exp", "push")
    assert pushed.out.endswith("pushed 1 experiment to origin: here\n")
    assert "not pushed, because not selected: elsewhere; `dver exp push --all`" in pushed.err
    assert alice.dver("exp", "push", "--all").out.endswith("pushed 1 experiment to origin: elsewhere\n")
    bob.dver("exp", "pull", "--all")
    assert sorted(bob.names()) == ["elsewhere", "here"]


def test_nothing_is_published_without_its_data(alice: Clone, bob: Clone, team: Path) -> None:
    alice.save("whole")
    alice.save("broken")
    shutil.rmtree(alice.root / ".git/dver/store/packs")
    refused = alice.dver("exp", "push", rc=5)
    assert "the data of 2 commits cannot be pushed" in refused.err
    assert published(team) == []
    assert bob.dver("exp", "fetch").out == "no new experiments on origin\n"


def test_a_dry_run_pushes_nothing(alice: Clone, team: Path) -> None:
    alice.save("one")
    packs = sorted((team / "store").rglob("*"))
    assert alice.dver("exp", "push", "--dry-run").out == "would push 1 experiment to origin: one\n"
    assert published(team) == []
    assert sorted((team / "store").rglob("*")) == packs


def test_a_copy_of_a_clone_gets_a_journal_of_its_own(alice: Clone, bob: Clone, team: Path) -> None:
    alice.save("before")
    copy = Clone(team / "copy")
    shutil.copytree(alice.root, copy.root, symlinks=True)
    alice.save("original")
    copy.save("copied")
    for clone in (alice, copy):
        clone.dver("exp", "push")
    assert len(published(team)) == 2
    bob.dver("exp", "pull")
    assert sorted(bob.names()) == ["before", "copied", "original"]
    for clone in (alice, copy):
        clone.dver("exp", "pull")
        assert sorted(clone.names()) == ["before", "copied", "original"]


def test_a_clone_on_the_same_journal_as_another_loses_nothing(alice: Clone, bob: Clone, team: Path) -> None:
    """As if a backup of a clone were restored beside it, with everything that tells them apart."""
    alice.save("before")
    alice.dver("exp", "push")
    copy = Clone(team / "copy")
    shutil.copytree(alice.root, copy.root, symlinks=True)
    mark = f"{(copy.root / '.git').stat().st_ino} "
    known = (alice.root / ".git/dver/experiments/writer").read_text().split(" ")
    (copy.root / ".git/dver/experiments/writer").write_text(f"{known[0]} {mark}{known[2]}")
    alice.save("original")
    copy.save("copied")
    for clone in (alice, copy, alice):
        clone.dver("exp", "push")
    assert len(published(team)) == 1
    bob.dver("exp", "pull")
    assert sorted(bob.names()) == ["before", "copied", "original"]


def test_a_remote_that_lost_the_journals_gets_them_again(alice: Clone, bob: Clone, team: Path) -> None:
    alice.save("one")
    alice.dver("exp", "push")
    bob.dver("exp", "pull")
    for ref in published(team):
        git("update-ref", "-d", ref, cwd=team / "origin.git")
    bob.dver("exp", "fetch")
    assert bob.names() == ["one"]
    bob.dver("exp", "fetch", "--prune")
    assert bob.names() == []
    assert alice.dver("exp", "push").out.endswith("pushed 1 experiment to origin: one\n")
    bob.dver("exp", "fetch")
    assert bob.names() == ["one"]


def test_experiments_go_over_http(team: Path, alice: Clone) -> None:
    git("config", "http.receivepack", "true", cwd=team / "origin.git")
    alice.save("one")
    with git_server(team) as server:
        alice.git("remote", "set-url", "origin", f"{server.url}/origin.git")
        alice.dver("exp", "push")
        before = len(server.seen)
        assert alice.dver("exp", "push").out == "origin is up to date\n"
        assert len(server.seen) - before <= 2  # the greeting and the list of one ref
        bob = clone_of(f"{server.url}/origin.git", team / "bob")
        bob.dver("exp", "pull")
        assert bob.names() == ["one"]


def test_a_git_remote_that_refuses_is_named_with_its_reason(alice: Clone, team: Path) -> None:
    hook = team / "origin.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no experiments on Fridays' >&2\nexit 1\n")
    hook.chmod(0o755)
    alice.save("one")
    refused = alice.dver("exp", "push", rc=7)
    assert "cannot push to the Git repository" in refused.err
    assert "no experiments on Fridays" in refused.err
    hook.unlink()
    alice.dver("exp", "push")
    assert len(published(team)) == 1


def test_the_arguments_name_a_git_remote_and_experiments(alice: Clone, team: Path) -> None:
    git("init", "--quiet", "--bare", "backup.git", cwd=team)
    alice.git("remote", "add", "backup", "../backup.git")
    for name in ("one", "two", "backup"):
        alice.save(name)
    assert alice.dver("exp", "push", "two").out.endswith("pushed 1 experiment to origin: two\n")
    assert alice.dver("exp", "push", "backup", "one", "backup").out.endswith(
        "pushed 2 experiments to backup: one, backup\n"
    )
    assert "exclude each other" in alice.dver("exp", "push", "--all", "two", rc=2).err
    alice.git("remote", "remove", "origin")
    alice.git("remote", "rename", "backup", "other")
    alice.git("remote", "add", "third", "../third.git")
    assert "there are several: other, third" in alice.dver("exp", "push", rc=2).err


def test_baselines_that_the_git_remote_does_not_have_are_published_with_their_data(
    alice: Clone, bob: Clone, team: Path
) -> None:
    (alice.root / "data/rows").write_text("rows of an unpushed commit\n")
    alice.dver("add", "data")
    alice.git("commit", "--quiet", "--all", "-m", "Unpushed")
    baseline = alice.git("rev-parse", "HEAD").strip()
    alice.save("on-top")
    alice.dver("exp", "push")
    bob.dver("exp", "fetch")
    bob.git("checkout", "--quiet", baseline)
    bob.dver("pull")
    assert (bob.root / "data/rows").read_text() == "rows of an unpushed commit\n"


def test_a_clone_can_be_the_remote(alice: Clone, bob: Clone) -> None:
    alice.save("one")
    alice.dver("exp", "push")
    bob.git("remote", "add", "alice", "../alice")
    bob.save("two")
    assert bob.dver("exp", "push", "alice").out.endswith("pushed 1 experiment to alice: two\n")
    assert alice.names() == ["one", "two"]
    assert bob.dver("exp", "fetch", "alice").out == "no new experiments on alice\n"  # only what is published there
    assert not [ref for ref in bob.refs() if "remotes/alice/local" in ref or "remotes/alice/remotes" in ref]
    assert bob.dver("exp", "push", "alice").out == "alice is up to date\n"


def test_a_linked_worktree_shares_the_journal(alice: Clone, bob: Clone, team: Path) -> None:
    alice.git("worktree", "add", "--quiet", team / "linked")
    linked = Clone(team / "linked")
    linked.dver("pull")
    linked.save("linked")
    assert linked.dver("exp", "push").out.endswith("pushed 1 experiment to origin: linked\n")
    assert alice.names() == ["linked"]
    assert alice.dver("exp", "push").out == "origin is up to date\n"
    bob.dver("exp", "pull")
    assert bob.names() == ["linked"]
