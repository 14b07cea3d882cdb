"""Pointers: dver's own form, a person's, and a stranger's."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import damaged, pointers

from dver.core.errors import ConflictError, CorruptError, DverError
from dver.core.oid import Oid
from dver.formats.pack import ObjectKind
from dver.formats.pointer import (
    MAX_SIZE,
    NotDownloadedError,
    Pointer,
    UndownloadedPointer,
    decode,
    decode_undownloaded,
    encode,
    rewrite,
)
from dver.formats.pointer_source import UrlSource

OID = Oid.of(b"hello")
BLOB = Pointer(ObjectKind.BLOB, OID, 5)
HAND_WRITTEN = f"""\
# The training set, see notes/data.md
desc: "cats: and dogs"   # mostly cats
version: 1
kind: tree
oid: {OID}
files: 3
size: 12
owner: anna
meta:
  licence: CC-BY  # ask first
  sources: [a, b]
""".encode()


@given(pointers())
def test_a_pointer_survives_encoding(pointer: Pointer) -> None:
    assert decode(encode(pointer)) == pointer
    assert encode(decode(encode(pointer))) == encode(pointer)


@given(pointers(), pointers())
def test_a_rewrite_of_our_own_form_is_our_own_form(old: Pointer, new: Pointer) -> None:
    assert decode(rewrite(encode(old), new)) == new


@pytest.mark.parametrize("url", ["\x85", "a\x85b", "\u2028", "\u2029 "])
def test_a_rewrite_keeps_line_breaks_of_unicode(url: str) -> None:
    pointer = Pointer(ObjectKind.BLOB, Oid.of(b""), 0, 1, source=UrlSource(url, None))
    assert decode(rewrite(HAND_WRITTEN, pointer)).source == pointer.source


@given(pointers())
def test_a_rewrite_keeps_comments_order_and_keys_of_the_user(pointer: Pointer) -> None:
    written = rewrite(HAND_WRITTEN, pointer)
    assert decode(written) == replace(pointer, desc="cats: and dogs", meta={"licence": "CC-BY", "sources": ["a", "b"]})
    lines = written.decode().splitlines()
    assert lines[:3] == HAND_WRITTEN.decode().splitlines()[:3]
    assert "owner: anna" in lines
    assert "  licence: CC-BY  # ask first" in lines


def test_a_rewrite_with_the_same_values_changes_nothing() -> None:
    assert rewrite(HAND_WRITTEN, decode(HAND_WRITTEN)) == HAND_WRITTEN


@given(damaged(st.one_of(pointers().map(encode), st.just(HAND_WRITTEN))))
def test_a_damaged_pointer_raises_no_other_error(content: bytes) -> None:
    try:
        decode(content)
        written = rewrite(content, BLOB)
    except DverError:
        return
    assert decode(written).same_data(BLOB)


YAML_BITS = (
    "!!int |!!bool x|!!timestamp |!x |%YAML 1.1\n---\n|---\n|...\n|&a |*a|? |- |[|]|{|}|: |,|> |'|\"|\\x|\n|\n  |\t|#"
    "|size|kind|tree|0x|1e5|1|1:2|2001-01-01|2001-99-99|<<: |~|.inf|\u2028|\0|=|@|meta: |desc: "
)


@given(st.lists(st.sampled_from(YAML_BITS.split("|")), max_size=12).map("".join))
def test_no_yaml_raises_another_error(text: str) -> None:
    for content in (text.encode(), encode(BLOB) + text.encode()):
        with suppress(DverError):
            assert rewrite(content, BLOB)
        with suppress(DverError):
            assert isinstance(decode(content), Pointer)


def with_line(line: str) -> bytes:
    return encode(BLOB) + line.encode() + b"\n"


@pytest.mark.parametrize(
    "line",
    [
        "size: 6",
        "desc: !!python/object:os.system x",
        "meta: [1]",
        "desc: 5",
        "push: maybe",
        "executable: 1",
        "remote: null",
        "checks: failed",
        "checks: [skipped]",
        "deep: " + "[" * 1500,
        "\tx",
        "x: \x01",
    ],
)
def test_what_no_honest_pointer_has_is_refused(line: str) -> None:
    with pytest.raises(CorruptError):
        decode(with_line(line))


@pytest.mark.parametrize("size", ["-1", "9223372036854775808", "9" * 5000, "0x" + "f" * 5000, "1.5", "true", "''"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(CorruptError):
        decode(f"kind: blob\noid: {OID}\nsize: {size}\nversion: 1\n".encode())


def test_a_yaml_bomb_is_defused_before_it_is_built() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 30):
        bomb += f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 10) + "]\n"
    with pytest.raises(CorruptError, match="alias"):
        decode(bomb.encode())


def test_a_pointer_too_large_to_be_one_is_not_parsed() -> None:
    with pytest.raises(CorruptError, match="too large"):
        decode(b"# " + b"x" * MAX_SIZE)


@pytest.mark.parametrize("missing", ["kind", "oid", "size", "version"])
def test_a_missing_key_is_named(missing: str) -> None:
    lines = [line for line in encode(BLOB).decode().splitlines() if not line.startswith(missing)]
    with pytest.raises(CorruptError, match=missing):
        decode("\n".join(lines).encode())


def test_merge_markers_are_a_conflict_that_says_how_to_choose() -> None:
    ours, theirs = encode(BLOB), encode(replace(BLOB, size=6))
    with pytest.raises(ConflictError) as caught:
        decode(b"<<<<<<< HEAD\n" + ours + b"=======\n" + theirs + b">>>>>>> other\n")
    assert caught.value.fix
    assert "dver resolve" in caught.value.fix


def test_a_newer_version_or_another_hash_asks_for_an_upgrade() -> None:
    for newer in (encode(BLOB).replace(b"version: 1", b"version: 2"), encode(BLOB).replace(b"blake3:", b"blake4:")):
        with pytest.raises(CorruptError) as caught:
            decode(newer)
        assert caught.value.fix == "upgrade dver"


@pytest.mark.parametrize("content", [b"", b"just text", b"- a\n- b\n", b"1: x\n", b"\xff\xfe", b"kind: blob"])
def test_what_is_no_pointer_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptError):
        decode(content)


def test_windows_line_endings_and_a_byte_order_mark_are_read() -> None:
    assert decode(encode(BLOB).replace(b"\n", b"\r\n")) == BLOB
    assert decode(b"\xef\xbb\xbf" + encode(BLOB)) == BLOB


def test_a_source_is_read_in_any_form_of_yaml() -> None:
    text = f"kind: blob\noid: {OID}\nsize: 5\nsource: {{url: 's3://b/x', added: yesterday}}\nversion: 1\n".encode()
    assert decode(text) == replace(BLOB, source=UrlSource("s3://b/x"))
    assert rewrite(text, decode(text)).startswith(b"kind: blob\n")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("source: s3://b/x", "is not a mapping"),
        ("source:\n  url: 3", "`source.url` is not text"),
        ("source:\n  path: x\n  repo: y", "has no `commit`"),
        ("source:\n  rev: x", "has no `repo`"),
    ],
)
def test_a_wrong_source_is_refused(source: str, problem: str) -> None:
    with pytest.raises(CorruptError, match=problem):
        decode(f"kind: blob\noid: {OID}\nsize: 5\n{source}\nversion: 1\n".encode())


def test_an_import_without_an_oid_was_not_downloaded() -> None:
    waiting = UndownloadedPointer(ObjectKind.TREE, UrlSource("https://h/a?b=1#c", "etag:x"), 12, "origin", push=False)
    written = encode(waiting)
    assert decode_undownloaded(written) == waiting
    with pytest.raises(NotDownloadedError):
        decode(written)
    assert decode_undownloaded(encode(BLOB)) is None
    assert decode_undownloaded(b"source: x\nkind: [") is None
    downloaded = replace(BLOB, source=waiting.source)
    assert decode(rewrite(written, downloaded)) == downloaded
