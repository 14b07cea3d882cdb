"""Copying objects from one store to another: everything that roots reach, verified."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from workspaces import Project, write

from dver.core.oid import Oid
from dver.repo import Repository
from dver.store.copy import copy_objects
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.tracking.targets import tracked_in_worktree

BIG = os.urandom(5 << 20)


class Amount:
    """Counts what a task reports."""

    def __init__(self) -> None:
        self.total = 0

    def advance(self, amount: int) -> None:
        self.total += amount

    def grow(self, amount: int) -> None:
        """Not counted."""


def copied(source: Repository, target: Store, mode: LinkMode = LinkMode.AUTO) -> Amount:
    amount = Amount()
    roots = [one.ref.key for one in tracked_in_worktree(source).values()]
    copy_objects(roots, source.store, target, mode=mode, task=amount)
    return amount


def make(path: Path) -> Project:
    project = Project.make(path)
    write(project.root, {"data/big": BIG, "data/empty": b"", **{f"data/deep/{n}": b"%d" % n for n in range(600)}})
    project.add("data")
    return project


def test_copies_trees_small_and_large_blobs_and_nothing_twice(tmp_path: Path) -> None:
    source, target = make(tmp_path / "source"), Project.make(tmp_path / "target")
    with Repository.open(source.root) as one, Repository.open(target.root) as other:
        roots = [tracked.ref for tracked in tracked_in_worktree(one).values()]
        assert other.store.find_missing(roots)
        assert copied(one, other.store).total == sum(root.size for root in roots)
        assert other.store.find_missing(roots) == []
        assert copied(one, other.store).total == 0


@pytest.mark.parametrize("there", [LinkMode.COPY, LinkMode.SYMLINK])
@pytest.mark.parametrize("here", [LinkMode.COPY, LinkMode.HARDLINK, LinkMode.SYMLINK])
def test_large_blobs_are_stored_as_the_link_mode_needs_them(tmp_path: Path, there: LinkMode, here: LinkMode) -> None:
    first, second = make(tmp_path / "source"), Project.make(tmp_path / "first")
    third = Project.make(tmp_path / "second")
    big = Oid.of(BIG)
    with first.opened() as source, second.opened() as one, third.opened() as other:
        (root,) = [tracked.ref for tracked in tracked_in_worktree(source).values()]
        copied(source, one.store, there)
        copy_objects([root.key], one.store, other.store, mode=here, task=Amount())
        assert bool(other.store.loose.present((big,))) == here.shares_file
        assert other.store.read(big) == BIG
        assert other.store.find_missing([root]) == []


def test_leaves_out_what_is_damaged_or_missing(tmp_path: Path) -> None:
    source, target = make(tmp_path / "source"), Project.make(tmp_path / "target")
    with Repository.open(source.root) as one:
        packs = sorted(one.store.packs.glob("*.pack"), key=lambda path: path.stat().st_size)
    content = bytearray(packs[-1].read_bytes())
    content[len(content) // 2] ^= 0xFF  # in a chunk of the large blob
    packs[-1].chmod(0o644)
    packs[-1].write_bytes(content)
    with Repository.open(source.root) as one, Repository.open(target.root) as other:
        copied(one, other.store)
        roots = [tracked.ref for tracked in tracked_in_worktree(one).values()]
        assert [lost.path for lost in other.store.find_missing(roots)] == [b"data/big"]
