from __future__ import annotations

import json
from pathlib import Path

import pytest

from dver.git.git_repo import GitRepo
from dver.gitflow.merge.decisions import (
    MergeDecisions,
    UnmergedPointer,
    forget_decisions,
    interrupted_paths,
    read_decisions,
    remaining_work,
    write_decisions,
)
from dver.gitflow.merge.pointers import PointerVersions
from dver.repo.layout import Layout
from dver.store.trees.merge import MergeChoice

MADE = MergeDecisions({b"a": MergeChoice.OURS, b"\xe9": MergeChoice.THEIRS}, MergeChoice.OURS, [b"w"], [b"data"])


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path, GitRepo(tmp_path, tmp_path / ".git", tmp_path / ".git"))


def pointer(path: bytes = b"data", **blobs: str) -> UnmergedPointer:
    sides = PointerVersions(path, None, None, None)
    return UnmergedPointer(path, {2: "ours", 3: "theirs"} | {int(key[1:]): one for key, one in blobs.items()}, sides)


def stored(layout: Layout) -> object:
    return json.loads((layout.worktree_dir / "merge.json").read_bytes())


def test_decisions_read_back(layout: Layout) -> None:
    assert read_decisions(layout, pointer()) == MergeDecisions()
    write_decisions(layout, pointer(), MADE)
    assert read_decisions(layout, pointer()) == MADE
    assert read_decisions(layout, pointer(b"other")) == MergeDecisions()


def test_decisions_about_another_merge_do_not_count(layout: Layout) -> None:
    write_decisions(layout, pointer(), MADE)
    assert read_decisions(layout, pointer(_1="base")) == MergeDecisions()
    assert read_decisions(layout, pointer(_3="later")) == MergeDecisions()


@pytest.mark.parametrize("last", [None, MergeDecisions()])
def test_a_resolved_conflict_is_forgotten_and_others_stay(layout: Layout, last: MergeDecisions | None) -> None:
    write_decisions(layout, pointer(), MADE)
    write_decisions(layout, pointer(b"b"), MADE)
    write_decisions(layout, pointer(), last)
    assert read_decisions(layout, pointer()) == MergeDecisions()
    assert read_decisions(layout, pointer(b"b")) == MADE


def test_without_decisions_no_file_is_written(layout: Layout) -> None:
    write_decisions(layout, pointer(), None)
    write_decisions(layout, pointer(), MergeDecisions())
    forget_decisions(layout, b"data")
    assert not layout.worktree_dir.exists()


def test_interrupted_work_of_resolved_conflicts_is_found_and_forgotten(layout: Layout) -> None:
    for path in (b"b", b"a", b"open"):
        write_decisions(layout, pointer(path), MADE)
    write_decisions(layout, pointer(b"undecided"), MergeDecisions({b"x": MergeChoice.OURS}))
    assert interrupted_paths(layout, [pointer(b"open")]) == [b"a", b"b"]
    assert remaining_work(layout, b"a") == ([b"data"], [b"w"])
    forget_decisions(layout, b"a")
    assert interrupted_paths(layout, []) == [b"b", b"open"]


@pytest.mark.parametrize("content", ["", "{", "[1]", "3", '{"data": 1}', '{"data": {"blobs": [1]}}'])
def test_an_unreadable_file_has_no_decisions_and_is_replaced(layout: Layout, content: str) -> None:
    layout.worktree_dir.mkdir(parents=True)
    (layout.worktree_dir / "merge.json").write_text(content)
    assert read_decisions(layout, pointer()) == MergeDecisions()
    assert interrupted_paths(layout, []) == []
    write_decisions(layout, pointer(), MADE)
    assert read_decisions(layout, pointer()) == MADE


@pytest.mark.parametrize(
    "wrong", [{"files": []}, {"files": {"a": "both"}}, {"keys": 3}, {"written": [1]}, {"written": None}]
)
def test_decisions_of_another_version_do_not_count(layout: Layout, wrong: dict[str, object]) -> None:
    write_decisions(layout, pointer(), MADE)
    kept = stored(layout)
    assert isinstance(kept, dict)
    (layout.worktree_dir / "merge.json").write_text(json.dumps({"data": kept["data"] | wrong}))
    assert read_decisions(layout, pointer()) == MergeDecisions()
