"""Patterns for exactly one name, judged by Git itself; and edits that leave the rest of the file alone."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from dver.core.errors import ConflictError
from dver.git.git_repo import GitRepo, discover
from dver.git.gitignore import add_lines, edit, escape, pattern, remove_lines
from dver.git.index import ignored

NASTY = [
    b"plain",
    b"with space",
    b"trailing ",
    b"trailing   ",
    b" ",
    b" leading",
    b"#hash",
    b"!bang",
    b"[ab]",
    b"[!a]",
    b"[",
    b"]",
    b"a*b",
    b"**",
    b"?",
    b"a\\b",
    b"end\\",
    b"\\",
    b"\\ ",
    b"a:b",
    b":(glob)x",
    b"-n",
    b"new\nline",
    b"\n",
    b"end\n",
    b"\r",
    b"cr\r",
    b"cr\r\n",
    b"cr\r ",
    b"tab\t",
    b"\xff\xfe",
    b"\xef\xbb\xbfbom",
    b'"quoted"',
    b"~",
    b"$HOME",
    b"...",
    b"x" * 255,
    b"*" * 255,
    unicodedata.normalize("NFC", "é").encode(),
    unicodedata.normalize("NFD", "é").encode(),
    b"A",
    b"a",
]


@pytest.fixture
def repo(git_repo: Path) -> GitRepo:
    return discover(git_repo)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", NASTY)
def test_a_pattern_matches_its_name_and_no_other(repo: GitRepo, name: bytes, ending: bytes) -> None:
    (repo.worktree / ".gitignore").write_bytes(b"# comment" + ending)
    edit(repo.worktree / ".gitignore", add=[pattern(name)])
    asked = [*NASTY, name.strip(), name + b"x", b"x" + name, b"sub/" + name, name.replace(b"\n", b"?")]
    assert list(ignored(repo, [path for path in asked if path])) == [name]


def test_every_nasty_name_can_be_ignored_at_once(repo: GitRepo) -> None:
    edit(repo.worktree / ".gitignore", add=[pattern(name) for name in NASTY])
    assert list(ignored(repo, NASTY)) == NASTY


def test_every_byte_can_be_part_of_a_name(repo: GitRepo) -> None:
    names = [bytes([byte]) for byte in range(1, 256) if byte not in b"/."]
    edit(repo.worktree / ".gitignore", add=[pattern(name) for name in names])
    assert list(ignored(repo, names)) == names
    assert ignored(repo, [name * 2 for name in names]) == {}


def test_ordinary_names_stay_readable() -> None:
    assert escape(b"data v1.2 (final) #3!") == b"data v1.2 (final) #3!"
    assert pattern(b"data") == b"/data"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"/new\n"),
        (b"/old\n", b"/old\n/new\n"),
        (b"/old", b"/old\n/new\n"),
        (b"/old\r\n", b"/old\r\n/new\r\n"),
        (b"a\r\n/old", b"a\r\n/old\r\n/new\r\n"),
        (b"a\r\nb\n", b"a\r\nb\n/new\n"),
        (b"\xff\n\n\n", b"\xff\n\n\n/new\n"),
        (b"/new\n/old\n", b"/new\n/old\n"),
        (b"/new\r\n", b"/new\r\n"),
        (b"/old\n/new", b"/old\n/new"),
        (b"/new \n", b"/new \n/new\n"),
    ],
)
def test_adding_a_line_keeps_what_is_there(before: bytes, after: bytes) -> None:
    assert add_lines(before, [b"/new"]) == after
    assert add_lines(after, [b"/new"]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"/new\n", b""),
        (b"/new", b""),
        (b"# x\r\n/new\r\n/old\r\n", b"# x\r\n/old\r\n"),
        (b"/new\na\n/new\n", b"a\n"),
        (b"a\rb\n/newer\n", b"a\rb\n/newer\n"),
        (b"a\n/new", b"a\n"),
    ],
)
def test_removing_a_line_keeps_the_rest(before: bytes, after: bytes) -> None:
    assert remove_lines(before, [b"/new"]) == after


def test_an_edit_says_whether_it_changed_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".gitignore"
    assert edit(path, add=[b"/a", b"/b"])
    assert not edit(path, add=[b"/a"])
    assert path.read_bytes() == b"/a\n/b\n"
    assert edit(path, remove=[b"/a"], add=[b"/c"])
    assert path.read_bytes() == b"/b\n/c\n"
    assert not edit(path, remove=[b"/absent"])


def test_a_file_that_an_edit_leaves_empty_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / ".gitignore"
    edit(path, add=[b"/a"])
    assert edit(path, remove=[b"/a"])
    assert not path.exists()
    assert not edit(path, remove=[b"/a"])


def test_an_ignore_file_that_git_does_not_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared").write_bytes(b"/a\n")
    os.symlink("shared", tmp_path / ".gitignore")
    with pytest.raises(ConflictError, match="symbolic link"):
        edit(tmp_path / ".gitignore", add=[b"/b"])
    assert (tmp_path / "shared").read_bytes() == b"/a\n"
