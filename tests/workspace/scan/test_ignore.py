"""`.dverignore`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dver.core.errors import UsageError
from dver.workspace.scan.ignore import Ignore


def ignored(root: Path, *paths: str) -> list[str]:
    rules = Ignore(os.fsencode(root))
    return [
        path for path in paths if rules.ignores(os.fsencode(root / path.rstrip("/")), is_directory=path.endswith("/"))
    ]


def test_rules_are_those_of_gitignore(tmp_path: Path) -> None:
    (tmp_path / ".dverignore").write_bytes(b"# comment\r\n*.tmp\r\n!keep.tmp\r\n/top\r\ncache/\r\nspace\\ \r\n")
    paths = [
        "a.tmp",
        "d/b.tmp",
        "keep.tmp",
        "top",
        "d/top",
        "cache/",
        "cache",
        "d/cache/",
        "space ",
        "space",
        "# comment",
    ]
    assert ignored(tmp_path, *paths) == ["a.tmp", "d/b.tmp", "top", "cache/", "d/cache/", "space "]


def test_the_deepest_file_has_the_last_word(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".dverignore").write_text("*.log\n")
    (tmp_path / "sub/.dverignore").write_text("!*.log\n*.txt\n")
    assert ignored(tmp_path, "a.log", "sub/a.log", "a.txt", "sub/a.txt") == ["a.log", "sub/a.txt"]


def test_names_that_are_no_text_or_have_odd_separators(tmp_path: Path) -> None:
    (tmp_path / ".dverignore").write_bytes(b"\xff*\na\x0bb\nc\xe2\x80\xa8d\n")
    odd = [os.fsdecode(b"\xff1"), "a\x0bb", "c\u2028d"]
    assert ignored(tmp_path, *odd, "a", "b", "c", "d") == odd


def test_without_a_file_nothing_is_ignored_and_nothing_outside_ever(tmp_path: Path) -> None:
    rules = Ignore(os.fsencode(tmp_path / "project"))
    (tmp_path / ".dverignore").write_text("*\n")
    assert not rules.applies_in(os.fsencode(tmp_path / "project/sub"))
    assert not rules.ignores(os.fsencode(tmp_path / "elsewhere/x"), is_directory=False)


def test_a_rule_that_is_none_names_its_file(tmp_path: Path) -> None:
    (tmp_path / ".dverignore").write_text("!\n")
    with pytest.raises(UsageError, match="dverignore"):
        ignored(tmp_path, "x")


def test_rules_of_dvc_hold_and_those_of_dver_have_the_last_word(tmp_path: Path) -> None:
    (tmp_path / ".dvcignore").write_text("*.log\n*.tmp\n")
    (tmp_path / ".dverignore").write_text("!*.log\n*.bak\n")
    assert ignored(tmp_path, "a.log", "a.tmp", "a.bak", "a") == ["a.tmp", "a.bak"]
    (tmp_path / ".dvcignore").write_text("!\n")
    with pytest.raises(UsageError, match="dvcignore"):
        ignored(tmp_path, "a")
