"""From what the user types to tracked data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from workspaces import Project, write

from dver.core.errors import CorruptError, UsageError
from dver.core.oid import Oid
from dver.formats import pointer as pointer_format
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry, Kind
from dver.tracking import targets
from dver.tracking.targets import TrackedData


def tracked(*paths: str) -> dict[bytes, TrackedData]:
    """Made-up pointers; those that end in a slash are directories."""
    found = {}
    for text in paths:
        path = os.fsencode(text.rstrip("/"))
        kind = ObjectKind.TREE if text.endswith("/") else ObjectKind.BLOB
        found[path] = TrackedData(path, Pointer(kind, Oid.of(path), 1), "")
    return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


def selected(project: Project, known: dict[bytes, TrackedData], *texts: str, cwd: Path | None = None) -> list[bytes]:
    with project.opened() as repo:
        return [target.path for target in targets.select_targets(repo, known, texts, cwd or project.root)]


KNOWN = tracked("a/", "models/x/", "models/net.bin", "b")


def test_paths_pointers_folders_and_insides_are_all_understood(project: Project) -> None:
    assert selected(project, KNOWN) == [b"a", b"models/x", b"models/net.bin", b"b"]
    assert selected(project, KNOWN, "a", "b") == [b"a", b"b"]
    assert selected(project, KNOWN, "a.dver", "a", "./a/", "x/../a") == [b"a"]
    assert selected(project, KNOWN, "models") == [b"models/x", b"models/net.bin"]
    assert selected(project, KNOWN, "a/deep/file") == [b"a/deep/file"]
    assert selected(project, KNOWN, ".") == [b"a", b"models/x", b"models/net.bin", b"b"]
    assert selected(project, KNOWN, str(project.root / "b")) == [b"b"]
    (project.root / "models").mkdir()
    assert selected(project, KNOWN, "x", "../b", cwd=project.root / "models") == [b"models/x", b"b"]


def test_what_is_not_tracked_is_refused_with_the_nearest_name(project: Project) -> None:
    with pytest.raises(UsageError) as caught:
        selected(project, KNOWN, "models/net.bim")
    assert caught.value.fix == "did you mean 'models/net.bin'?"
    with pytest.raises(UsageError, match="not tracked"):
        selected(project, KNOWN, "zzz")
    with pytest.raises(UsageError, match="outside"):
        selected(project, KNOWN, "../a")


def test_nothing_lies_inside_of_a_tracked_file(project: Project) -> None:
    with pytest.raises(UsageError) as caught:
        selected(project, KNOWN, "b/below")
    assert caught.value.why == "'b' is a file"


def test_the_deepest_tracked_data_around_a_path_counts() -> None:
    target = targets.target_containing(KNOWN, b"models/x/y/z")
    assert target is not None
    assert (target.tracked.path, target.inside) == (b"models/x", (b"y", b"z"))
    assert targets.target_containing(KNOWN, b"models") is None
    assert [one.path for one in targets.tracked_below(KNOWN, b"models")] == [b"models/x", b"models/net.bin"]


@pytest.mark.parametrize("name", ["data", "data.dver", "-x", "ünï", "a b"])
def test_an_argument_that_exists_here_is_a_path(name: str, project: Project) -> None:
    write(project.root, {name: b"x"})
    with project.opened() as repo:
        assert targets.split_revision(repo, [name], project.root) == (None, [name])


def test_an_argument_that_names_a_commit_is_a_revision(project: Project) -> None:
    project.git("tag", "v1")
    with project.opened() as repo:
        for text in ("v1", "HEAD", "main", "HEAD~1", project.git("rev-parse", "HEAD").strip()):
            assert targets.split_revision(repo, [text, "b"], project.root) == (text, ["b"])
        with pytest.raises(UsageError):
            targets.split_revision(repo, ["v2"], project.root)
        assert targets.split_revision(repo, [], project.root) == (None, [])


def test_a_first_argument_that_is_nothing_is_no_revision_either(project: Project) -> None:
    write(project.root, {"sub/data": b"x"})
    project.add("sub/data")
    (project.root / "sub/data").unlink()
    with project.opened() as repo:
        assert targets.split_revision(repo, ["data", "x"], project.root / "sub") == (None, ["data", "x"])
        assert targets.split_revision(repo, ["sub"], project.root) == (None, ["sub"])
        for text in ("v1", "feature/x"):
            with pytest.raises(UsageError, match="neither a revision nor tracked") as caught:
                targets.split_revision(repo, [text, "sub/data"], project.root)
            assert "git fetch --all --tags" in (caught.value.fix or "")


def test_a_name_that_is_no_text_is_a_path(project: Project) -> None:
    name = os.fsdecode(b"\xff")
    (project.root / name).touch()
    with project.opened() as repo:
        assert targets.split_revision(repo, [name], project.root) == (None, [name])


def test_a_pointer_keeps_what_the_user_chose() -> None:
    old = Pointer(ObjectKind.BLOB, Oid.of(b"old"), 3, remote="backup", push=False, desc="mine", meta={"a": 1})
    entry = Entry(b"data", Kind.EXECUTABLE, Oid.of(b"new"), 7)
    made = Pointer.of(entry, old)
    assert (made.oid, made.size, made.executable) == (Oid.of(b"new"), 7, True)
    assert (made.remote, made.push, made.desc, made.meta) == ("backup", False, "mine", {"a": 1})
    assert made.entry(b"x/data") == entry


def test_errors_of_a_pointer_name_its_file(project: Project) -> None:
    (project.root / "data.dver").write_text("kind: nothing\n")
    with project.opened() as repo, pytest.raises(CorruptError) as caught:
        targets.tracked_in_worktree(repo)
    assert "data.dver" in caught.value.what
    assert caught.value.fix


def test_the_pointers_of_a_commit_and_of_the_disk_are_told_apart(project: Project) -> None:
    write(project.root, {"data": b"one"})
    first = project.save("data")
    write(project.root, {"data": b"three"})
    project.add("data")
    with project.opened() as repo:
        (old,) = targets.tracked_in_commit(repo, first).values()
        (new,) = targets.tracked_in_worktree(repo).values()
    assert (old.pointer.size, new.pointer.size) == (3, 5)
    assert new.source == b"data.dver"
    assert pointer_format.encode(new.pointer) == (project.root / "data.dver").read_bytes()
