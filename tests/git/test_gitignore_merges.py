"""`.gitignore` files merge as Git would, and as sets where both sides changed lines that dver writes."""

from __future__ import annotations

import pytest

from dver.git.gitignore import merge_ignore_files, pattern
from dver.git.merge_lines import merge_in_markers


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        (b"/data\n", b"/data\n/mine\n", b"/data\n/yours\n", b"/data\n/mine\n/yours\n"),
        (b"", b"/mine\n", b"/yours\n", b"/mine\n/yours\n"),
        (b"", b"/a\n/both\n", b"/both\n/b\n", b"/a\n/both\n/b\n"),
        (b"/old\n", b"/mine\n", b"/old\n/yours\n", b"/mine\n/yours\n"),
        (b"/old\n", b"/mine\n", b"/yours\n", b"/mine\n/yours\n"),
        (b"*.pyc", b"*.pyc\n/mine\n", b"*.pyc\n/yours\n", b"*.pyc\n/mine\n/yours\n"),
        (b"x\r\n", b"x\r\n/mine\r\n", b"x\r\n/yours\r\n", b"x\r\n/mine\r\n/yours\r\n"),
        (b"#1\n/z\n#2\n#3\n", b"#1\n#2\n#3\n/a\n", b"#1\n/z\n/y\n#2\n#3\n/b\n", b"#1\n/y\n#2\n#3\n/a\n/b\n"),
    ],
)
def test_lines_of_dver_merge_as_sets(base: bytes, ours: bytes, theirs: bytes, merged: bytes) -> None:
    assert merge_ignore_files(base, ours, theirs) == merged


@pytest.mark.parametrize("name", [b"a b", b"#x", b"!x", b"trailing ", b"[a]*?\\", b"line\nfeed", b"return\r", b"\xff"])
def test_every_name_that_dver_writes_is_known_again(name: bytes) -> None:
    line = pattern(name) + b"\n"
    assert merge_ignore_files(b"", b"/mine\n", line) == b"/mine\n" + line


@pytest.mark.parametrize(
    "line", [b"*.tmp", b"!/data/keep", b"# note", b"/a/b", b"/a*", b"/[ab]", b"data", b"", b"/", b"/" + b"<" * 100]
)
def test_other_lines_conflict_as_ever(line: bytes) -> None:
    ours, theirs = b"x\n/mine\n", b"x\n/yours\n" + line + b"\n"
    assert merge_ignore_files(b"x\n", ours, theirs) is None
    text = merge_in_markers(b"x\n", ours, theirs, marker_size=9)
    wanted = b"x\n" + b"<" * 9 + b" ours\n/mine\n" + b"=" * 9 + b"\n/yours\n" + line + b"\n" + b">" * 9 + b" theirs\n"
    assert text == wanted


def test_what_is_no_text_is_not_merged() -> None:
    assert merge_ignore_files(b"\0", b"\0/a\n", b"\0/b\n") is None
    assert merge_in_markers(b"\0", b"\0/a\n", b"\0/b\n", marker_size=7) is None
