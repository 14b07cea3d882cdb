"""`dver exp rename`, `remove` and `prune`: what they change, and what they refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from clones import Clone, clone_of, make_origin
from support import Templates

from dver.experiments.leases import Lease


@pytest.fixture
def clone(tmp_path: Path, templates: Templates) -> Clone:
    team = templates.copy("experiments-origin", tmp_path / "team", _make)
    return clone_of(team / "origin.git", team / "alice")


def _make(directory: Path) -> None:
    directory.mkdir()
    make_origin(directory)


def test_names_are_unique_and_possible(clone: Clone) -> None:
    clone.save("one")
    clone.save("two")
    assert clone.dver("exp", "rename", "one", "ünö: a 'name'").out == "renamed one to ünö: a 'name'\n"
    assert clone.names() == ["ünö: a 'name'", "two"]
    assert "an experiment 'two' already exists" in clone.dver("exp", "rename", "ünö: a 'name'", "two", rc=4).err
    assert "cannot be the name" in clone.dver("exp", "rename", "two", "a\nb", rc=2).err
    assert clone.dver("exp", "rename", "two", "two").out == "renamed two to two\n"
    unknown = clone.dver("exp", "rename", "tow", "three", rc=2).err
    assert "no experiment 'tow'" in unknown
    assert "did you mean two?" in unknown


def test_a_removal_is_of_all_names_or_none(clone: Clone) -> None:
    for name in ("one", "two", "three"):
        clone.save(name)
    assert "no experiment 'four'" in clone.dver("exp", "remove", "one", "four", rc=2).err
    assert clone.names() == ["one", "two", "three"]
    assert clone.dver("exp", "remove", "one", "two").out == "removed 2 experiments: one, two\n"
    assert clone.dver("exp", "remove", "--restore", "two", "one").out.startswith("restored 2 experiments: ")
    assert clone.names() == ["one", "two", "three"]
    assert clone.dver("exp", "remove", "--all").out == "removed 3 experiments: one, two, three\n"
    assert clone.dver("exp", "remove", "--all").out == "nothing to remove\n"
    assert "no experiment was named" in clone.dver("exp", "remove", rc=2).err
    assert "--restore needs the names" in clone.dver("exp", "remove", "--restore", "--all", rc=2).err


def test_a_running_experiment_is_not_removed(clone: Clone) -> None:
    running, other = clone.save("running"), clone.save("other")
    with clone.journal() as journal:
        lease = Lease(journal.directory, running.id)
        assert lease.try_acquire(clone.root)
    try:
        refused = clone.dver("exp", "remove", "running", "other", rc=4)
        assert f"process {os.getpid()}" in refused.err
        assert clone.names() == ["running", "other"]
        assert clone.dver("exp", "remove", "--all").out == f"removed 1 experiment: {other.name}\n"
    finally:
        lease.release()


def test_prune_keeps_the_best(clone: Clone) -> None:
    for name, loss in (("a", 0.3), ("b", 0.1), ("c", 0.2), ("d", float("nan"))):
        clone.save(name, metrics={"loss": loss})
    planned = clone.dver("exp", "prune", "--keep-best", "2", "--metric", "loss", "--lowest", "--dry-run").out
    assert planned == "would remove 2 experiments, kept 2\n  a\n  d\n"
    assert clone.names() == ["a", "b", "c", "d"]
    pruned = clone.dver("exp", "prune", "--keep-best", "2", "--metric", "metrics.json:loss", "--lowest").out
    assert pruned == planned.replace("would remove", "removed")
    assert clone.names() == ["b", "c"]
    assert clone.dver("exp", "prune", "--older-than", "1d").out == "removed 0 experiments, kept 2\n"
    assert clone.dver("exp", "prune", "--older-than", "0d", "--baseline", "HEAD").out.startswith("removed 2 ")
    clone.dver("exp", "remove", "--restore", "a", "b")
    assert clone.names() == ["a", "b"]
