from __future__ import annotations

from pathlib import Path

import pytest
from support import git

from dver.git.git_repo import discover
from dver.repo.layout import Layout


@pytest.fixture
def layout(git_repo: Path) -> Layout:
    """The layout of a project in a subdirectory of a Git worktree."""
    (git_repo / "ml").mkdir()
    return Layout(git_repo / "ml", discover(git_repo))


def test_data_paths_are_relative_to_the_top_of_the_worktree(layout: Layout, git_repo: Path) -> None:
    top = str(git_repo).encode()
    assert (layout.top, layout.prefix) == (top, b"ml")
    assert [layout.absolute(path) for path in (b"", b".", b"ml/data")] == [top, top, top + b"/ml/data"]
    assert Layout(git_repo, layout.git).prefix == b""


def test_paths_are_shown_relative_to_the_current_directory(layout: Layout, git_repo: Path) -> None:
    assert [layout.shown(path) for path in (b"ml/data", b"other", b"ml", b"ml/\xe9")] == [
        "data",
        "../other",
        ".",
        "\udce9",
    ]
    assert Layout(layout.root, layout.git, git_repo).shown(b"ml/data") == "ml/data"


@pytest.mark.parametrize(
    ("cwd", "subdirectory"), [("", ""), ("ml", "ml"), ("ml/..data", "ml/..data"), ("..data", "..data"), ("..", "")]
)
def test_the_subdirectory_is_empty_at_the_top_and_outside_of_the_worktree(
    layout: Layout, git_repo: Path, cwd: str, subdirectory: str
) -> None:
    assert Layout(layout.root, layout.git, git_repo / cwd).subdirectory == subdirectory


def test_a_dangling_link_exists(layout: Layout, git_repo: Path) -> None:
    (git_repo / "link").symlink_to("nowhere")
    assert [layout.exists(path) for path in (b"link", b"README", b"none", b"README/below")] == [
        True,
        True,
        False,
        False,
    ]


def test_files_of_dver_are_in_the_git_directory(layout: Layout, git_repo: Path) -> None:
    own = git_repo / ".git" / "dver"
    assert (layout.clone_dir, layout.worktree_dir) == (own, own)
    assert (layout.database_file, layout.staging_dir) == (own / "index.db", str(own / "stage").encode())
    assert layout.settings_base == layout.root


def test_a_linked_worktree_has_own_files_and_the_settings_of_the_main_one(layout: Layout, git_repo: Path) -> None:
    linked = git_repo.parent / "linked"
    git("worktree", "add", "-q", linked, cwd=git_repo)
    other = Layout(linked / "ml", discover(linked))
    assert other.clone_dir == layout.clone_dir
    assert other.worktree_dir == git_repo / ".git" / "worktrees" / "linked" / "dver"
    assert other.settings_base == layout.root
