"""The text of comments, for reports with any content."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.ci.hosts.comment_body import CommentMark, check_key, harmless, length_of, shortened

TEXTS = st.text(st.sampled_from("ab@/\r\n`~<>! \u200b🐈é.") | st.characters(codec="utf-8"), max_size=200)
LINES = st.lists(st.sampled_from(["```", "~~~~", "<details>", "</details>", "| a | b |", "🐈" * 30, ""]), max_size=60)


@given(TEXTS)
def test_no_text_mentions_a_user_or_begins_a_command(text: str) -> None:
    found = harmless(text)
    assert re.search(r"(?<![A-Za-z0-9_])@[A-Za-z0-9_]", found) is None
    assert not any(line.startswith("/") for line in found.split("\n"))
    assert "\r" not in found


@pytest.mark.parametrize("text", ["churn@v1.0.0", "me@example.org", "a/b", "| /x |", "`x`", "@", "@ x", "- @.x"])
def test_names_that_do_nothing_are_kept(text: str) -> None:
    assert harmless(text) == text


@given(LINES, st.integers(400, 2_000))
def test_shortened_text_keeps_to_its_limit_and_ends_what_it_began(lines: list[str], limit: int) -> None:
    text = "\n".join(lines)
    found = shortened(text, limit, "The rest is elsewhere.")
    assert length_of(found) <= limit
    if length_of(text) <= limit:
        assert found == text
    else:
        shown, _, note = found.partition("\n\n**Shortened:**")
        assert note.endswith("The rest is elsewhere.\n")
        kept = re.search(r"the first ([\d,]+) of ([\d,]+) lines", note)
        assert kept is not None
        assert kept[2] == f"{len(text.splitlines()):,}"
        assert shown.startswith("\n".join(lines[: int(kept[1])]).rstrip("\n"))


def test_an_open_code_block_is_closed() -> None:
    text = "````\n```\n" + "x" * 99 + "\n" + "y\n" * 300
    assert "\n````\n\n**Shortened:**" in shortened(text, 500, "")


@given(st.from_regex(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+){0,5}", fullmatch=True).filter(lambda key: len(key) <= 64))
def test_a_mark_is_found_again(key: str) -> None:
    check_key(key)
    mark = CommentMark(key, 7)
    assert CommentMark.parse(f"{mark}\r\n{CommentMark('other', 9)}") == mark
    assert CommentMark.parse(f" {mark}") is None
