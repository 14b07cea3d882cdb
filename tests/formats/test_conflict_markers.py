"""The two versions in a text with merge markers."""

from __future__ import annotations

import pytest

from dver.formats.conflict_markers import versions


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"a\n<<<<<<< ours\nb\n=======\nc\n>>>>>>> theirs\nd\n", (b"a\nb\nd\n", b"a\nc\nd\n")),
        (b"<<<<<<<<< x\n=========\nc\n>>>>>>>>> y\n", (b"", b"c\n")),
        (b"<<<<<<< x\nb\n||||||| z\na\n=======\nc\n>>>>>>> y\n", (b"b\n", b"c\n")),
        (b"plain\n", None),
        (b"<<<<<<< x\nb\n=======\n", None),
        (b"<<<<<<< x\n<<<<<<< x\nb\n=======\n=======\nc\n>>>>>>> y\n", None),
    ],
)
def test_versions_are_told_apart(content: bytes, wanted: tuple[bytes, bytes] | None) -> None:
    assert versions(content) == wanted
