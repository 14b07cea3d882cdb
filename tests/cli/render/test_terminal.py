"""Text for people."""

from __future__ import annotations

import io
import os

import pytest

from dver.cli.render import terminal


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("data/a file.txt", "data/a file.txt"),
        ("naïve/日本.csv", "naïve/日本.csv"),
        (b"plain", "plain"),
        ("a\nb", r'"a\nb"'),
        ("tab\there", r'"tab\there"'),
        ('say "hi"', r'"say \"hi\""'),
        ("back\\slash", r'"back\\slash"'),
        ("trailing ", '"trailing "'),
        ("", '""'),
        (b"caf\xe9", r'"caf\351"'),
        ("\x1b[2J", r'"\033[2J"'),
        ("a\u202eb", r'"a\342\200\256b"'),  # right-to-left override: would show another name
        ("\ud800", r'"\355\240\200"'),
    ],
)
def test_names_are_shown_on_one_line_and_harmless(name: bytes | str, shown: str) -> None:
    assert terminal.printable(name) == shown


def test_every_byte_of_a_name_can_be_shown() -> None:
    for byte in range(1, 256):
        shown = terminal.printable(bytes([65, byte]))
        assert shown.isprintable()
        assert shown.isascii()


def test_numbers_agree_with_their_nouns() -> None:
    assert terminal.count(1, "file") == "1 file"
    assert terminal.count(0, "file") == "0 files"
    assert terminal.count(50_000, "entry", "entries") == "50,000 entries"


def test_columns_are_aligned_and_have_no_trailing_blanks() -> None:
    rows = [["a", "1.5 MB", "x"], ["long name", "12 B", ""]]
    assert list(terminal.columns(rows, right=frozenset({1}))) == ["a          1.5 MB  x", "long name    12 B"]


def test_wide_characters_and_colours_do_not_break_columns() -> None:
    red = terminal.Style(enabled=True).red("ab")
    lines = list(terminal.columns([["日本", "x"], ["abcd", "x"], [red, "x"], ["e\u0301fgh", "x"]]))
    assert lines == ["日本  x", "abcd  x", f"{red}    x", "e\u0301fgh  x"]


def test_lines_are_cut_to_a_narrow_terminal() -> None:
    assert list(terminal.columns([["name", "a long explanation"]], width=12)) == ["name  a lon…"]
    assert terminal.shorten("exactly", 7) == "exactly"
    assert terminal.display_width(terminal.shorten("日本語版", 6)) <= 6


def test_a_cut_line_does_not_leave_the_colour_on() -> None:
    assert terminal.shorten(terminal.Style(enabled=True).green("abcdef"), 4) == "\x1b[32mabc\x1b[0m…"


def test_no_rows_are_no_lines() -> None:
    assert list(terminal.columns([])) == []


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.wants_color(Tty())
    assert not terminal.wants_color(io.StringIO())
    assert not terminal.wants_color(None)
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.wants_color(Tty())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.wants_color(Tty())


def test_the_width_is_that_of_columns_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "33")
    assert terminal.width() == 33
    monkeypatch.setenv("COLUMNS", "wide")
    assert terminal.width() > 0


def test_a_path_object_is_a_name_too(tmp_path: os.PathLike[str]) -> None:
    assert terminal.printable(tmp_path) == os.fspath(tmp_path)
