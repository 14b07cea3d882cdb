from __future__ import annotations

from dver.git.merge_lines import Hunk, hunks, merge_in_markers, merge_lines

BASE = b"a\nb\nc\nd\ne\n"
OURS = b"A\nb\nc\nd\ne\n"
THEIRS = b"a\nb\nc\nd\nE\n"
CONFLICTING = b"x\nb\nc\nd\ne\n"


def test_changes_of_different_lines_are_merged() -> None:
    assert merge_lines(BASE, OURS, THEIRS) == b"A\nb\nc\nd\nE\n"


def test_a_conflict_or_binary_content_has_no_merge() -> None:
    assert merge_lines(BASE, OURS, CONFLICTING) is None
    assert merge_lines(b"\0a", b"\0b", b"\0c") is None


def test_a_conflict_is_between_markers_of_the_given_size() -> None:
    assert merge_in_markers(BASE, OURS, CONFLICTING, marker_size=9) == (
        b"<<<<<<<<< ours\nA\n=========\nx\n>>>>>>>>> theirs\nb\nc\nd\ne\n"
    )
    assert merge_in_markers(b"\0a", b"\0b", b"\0c", marker_size=7) is None


def test_hunks_separate_conflicts_from_merged_text() -> None:
    found = hunks(b"a\nm\nm\nm\nz\n", b"b\nm\nm\nm\nz\n", b"c\nm\nm\nm\ny\n")
    assert found is not None
    assert [one for one in found if one != Hunk(b"", b"", b"")] == [
        Hunk(b"a\n", b"b\n", b"c\n"),
        Hunk(*[b"m\nm\nm\ny\n"] * 3),
    ]


def test_hunks_without_a_conflict_are_the_merged_text() -> None:
    assert hunks(BASE, OURS, THEIRS) == [Hunk(*[b"A\nb\nc\nd\nE\n"] * 3)]


def test_text_with_wide_markers_is_not_separated() -> None:
    wide = b"=" * 100 + b"\n"
    assert hunks(BASE, OURS, wide) is None
    assert hunks(b"\0a", b"\0b", b"\0c") is None


def test_text_with_markers_of_git_is_separated_all_the_same() -> None:
    marked = b"<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n"
    found = hunks(b"a\n", marked, b"z\n")
    assert found is not None
    assert Hunk(b"a\n", marked, b"z\n") in found
