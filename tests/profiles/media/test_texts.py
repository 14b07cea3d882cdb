"""What is measured of texts."""

from __future__ import annotations

import io

import pytest

from dver.formats.measurements import Measured
from dver.profiles.media import texts
from dver.profiles.media.texts import measure_text


def measured(content: bytes) -> dict[str, Measured]:
    found = measure_text(io.BytesIO(content))
    assert isinstance(found, dict)
    return found


def test_a_text_has_characters_words_lines_and_tokens() -> None:
    assert measured("Ab1 cd.\nÉf, 22!\n".encode()) == {
        "encoding": "UTF-8",
        "characters": 16,
        "words": 4,
        "lines": 2,
        "tokens": 7,
        "letters": 0.375,
        "digits": 0.1875,
        "whitespace": 0.25,
        "encoding_errors": 0,
    }


@pytest.mark.parametrize(
    ("content", "lines"), [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\r\nb", 2), (b"a\rb\r", 2), (b"\n\n", 2)]
)
def test_lines_end_as_on_any_system(content: bytes, lines: int) -> None:
    assert measured(content)["lines"] == lines


def test_an_empty_text_has_no_shares() -> None:
    found = measured(b"")
    assert (found["characters"], found["letters"]) == (0, None)


@pytest.mark.parametrize(("text", "tokens"), [("今日は晴れ", 5), ("don't stop", 4), ("привет мир", 2), ("a_b 3.14", 4)])
def test_tokens_need_no_language(text: str, tokens: int) -> None:
    assert measured(text.encode())["tokens"] == tokens


def test_bytes_that_are_no_characters_are_counted() -> None:
    found = measured("caf\xe9 cr\xe8me".encode("latin-1"))
    assert (found["encoding_errors"], found["characters"], found["words"]) == (2, 10, 2)


def test_a_replacement_character_that_was_written_is_no_error() -> None:
    assert measured("a\ufffd".encode())["encoding_errors"] == 0


def test_a_lone_surrogate_of_utf_16_is_an_error() -> None:
    assert measured(b"\xff\xfe" + b"a\0" + b"\x00\xd8" + b"b\0")["encoding_errors"] == 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-8"])
def test_a_byte_order_mark_says_the_encoding(encoding: str) -> None:
    found = measured("\ufeffübung 1".encode(encoding))
    assert (found["encoding"], found["characters"], found["encoding_errors"]) == (encoding.upper(), 7, 0)


def test_a_binary_file_is_unreadable() -> None:
    assert measure_text(io.BytesIO(b"ab\0c")) == "it has null bytes: it is binary, or UTF-16 without a byte order mark"


def test_parts_of_a_long_text_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    content = ("Wörter, 12 Zahlen\r\nund 漢字 " * 50 + "x" * 300).encode()
    whole = measured(content)
    for size in (1, 7, 64, 1000):
        monkeypatch.setattr(texts, "_BLOCK", size)
        assert measured(content) == whole


def test_a_text_without_spaces_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_BLOCK", 100)
    monkeypatch.setattr(texts, "_LONGEST_WORD", 1000)
    assert max(map(len, texts._parts(io.BytesIO(b"x" * 10_000), "UTF-8"))) <= 1100
