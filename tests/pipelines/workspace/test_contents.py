"""Contents of paths: what stays cached, and what is read again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Run

from dver.core.progress import SILENT
from dver.formats.tree import Kind
from dver.pipelines.workspace.contents import WorkspaceContents
from dver.repo import Repository


@pytest.fixture
def repo(run: Run, git_repo: Path) -> Iterator[Repository]:
    run("init", cwd=git_repo)
    (git_repo / "data/sub").mkdir(parents=True)
    (git_repo / "data/sub/a").write_text("a")
    (git_repo / "data/b").write_text("b")
    (git_repo / "params.yaml").write_text("lr: 1\n")
    with Repository.open(git_repo) as repo:
        yield repo


PLACES = ("data", "data/sub", "data/sub/a", "data/b", "data/*", "README", "none")


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ([], {"data/*"}),
        (["data/sub"], {"data", "data/sub", "data/sub/a", "data/*"}),
        (["data/b"], {"data", "data/b", "data/*"}),
        (["data"], {"data", "data/sub", "data/sub/a", "data/b", "data/*"}),
        (["none"], {"none", "data/*"}),
        (["."], {*PLACES}),
    ],
)
def test_what_is_at_in_or_around_a_change_is_looked_at_again(
    repo: Repository, changed: list[str], again: set[str]
) -> None:
    contents = WorkspaceContents(repo, SILENT)
    before = {place: contents.entry(place) for place in PLACES}
    assert before["none"] is None
    (repo.root / "data/sub/a").write_text("A!")
    (repo.root / "data/b").write_text("B!")
    (repo.root / "README").write_text("!")
    (repo.root / "none").write_text("!")
    contents.forget(changed)
    assert {place for place in PLACES if contents.entry(place) != before[place]} == again


def test_values_are_read_again_when_they_changed(repo: Repository) -> None:
    contents = WorkspaceContents(repo, SILENT)
    assert contents.values("params.yaml") == {"lr": 1}
    (repo.root / "params.yaml").write_text("lr: 2\n")
    assert contents.values("params.yaml") == {"lr": 1}
    contents.forget(["params.yaml"])
    assert contents.values("params.yaml") == {"lr": 2}


def test_what_a_link_leads_to_is_looked_at_again_whatever_changed(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("1")
    (repo.root / "link").symlink_to(tmp_path / "elsewhere")
    contents = WorkspaceContents(repo, SILENT)
    link, content = contents.entry("link"), contents.content("link")
    assert link is not None
    assert content is not None
    assert (link.kind, content.kind, content.size) == (Kind.SYMLINK, Kind.FILE, 1)
    (tmp_path / "elsewhere").write_text("12")
    assert contents.content("link") == content
    contents.forget(["data"])
    assert contents.content("link") != content
    (tmp_path / "elsewhere").unlink()
    contents.forget(["data"])
    assert contents.content("link") is None
