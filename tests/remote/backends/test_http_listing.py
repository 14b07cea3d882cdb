from __future__ import annotations

import pytest

from dver.remote.backends.http_listing import parse_bucket

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def page(inner: str, namespace: str = f' xmlns="{NAMESPACE}"') -> bytes:
    return f"<ListBucketResult{namespace}>{inner}</ListBucketResult>".encode()


def contents(key: str, size: object) -> str:
    return f"<Contents><Key>{key}</Key><Size>{size}</Size></Contents>"


@pytest.mark.parametrize("namespace", ["", f' xmlns="{NAMESPACE}"', ' xmlns="http://doc.s3.amazonaws.com/2006-03-01"'])
def test_keys_and_sizes_are_read_in_any_namespace(namespace: str) -> None:
    found = parse_bucket(page(contents("a&amp;b", 0) + contents("ü", 123), namespace))
    assert found is not None
    assert (found.objects, found.following) == ([("a&b", 0), ("ü", 123)], {})


@pytest.mark.parametrize("entry", [contents("", 1), contents("a", "x"), contents("a", -1), contents("a", "9" * 19)])
def test_entries_without_a_key_or_a_valid_size_are_left_out(entry: str) -> None:
    found = parse_bucket(page(entry + contents("b", 2) + "<Contents/>"))
    assert found is not None
    assert found.objects == [("b", 2)]


@pytest.mark.parametrize(
    ("inner", "following"),
    [
        ("<NextContinuationToken>t</NextContinuationToken>", {"continuation-token": "t"}),
        ("<NextMarker>m</NextMarker>", {"marker": "m"}),
        ("", {"marker": "last"}),
        ("<NextContinuationToken/>", {"marker": "last"}),
    ],
)
def test_a_truncated_page_says_how_to_get_the_next_one(inner: str, following: dict[str, str]) -> None:
    entries = contents("first", 1) + contents("last", 1)
    found = parse_bucket(page(f"<IsTruncated>true</IsTruncated>{inner}{entries}"))
    assert found is not None
    assert found.following == following
    whole = parse_bucket(page(f"<IsTruncated>false</IsTruncated>{inner}{entries}"))
    assert whole is not None
    assert whole.following == {}


def test_a_truncated_page_without_objects_has_no_next_one() -> None:
    found = parse_bucket(page("<IsTruncated>true</IsTruncated>"))
    assert found == ([], {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>Index</body></html>",
        b"<!doctype html><p>not closed",
        b"<Error><Code>AccessDenied</Code></Error>",
        b'{"keys": []}',
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="no-such"?><ListBucketResult/>',
        b'<?xml version="1.0" encoding="utf-7"?><ListBucketResult/>',
        b'<?xml version="1.0" encoding="shift_jis"?><ListBucketResult/>',
        b'<?xml version="1.0" encoding="hex"?><ListBucketResult/>',
    ],
)
def test_anything_else_is_not_a_bucket(content: bytes) -> None:
    assert parse_bucket(content) is None
