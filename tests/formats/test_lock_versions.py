"""Reading many versions of a lock file says what reading each of them by itself does."""

from __future__ import annotations

import pytest

from dver.core.errors import ConflictError, CorruptError
from dver.core.oid import Oid
from dver.formats import lock
from dver.formats.lock import Lock, LockedItem, LockedStage, encode
from dver.formats.lock_versions import LockVersions
from dver.formats.pack import ObjectKind


def _lock(**outs: str) -> bytes:
    items = {
        name: LockedItem(f"{name}.bin", ObjectKind.BLOB, Oid.of(text.encode()), len(text))
        for name, text in outs.items()
    }
    return encode(Lock({name: LockedStage(("one", "two"), outs=(item,)) for name, item in items.items()}))


def test_versions_that_share_stages_are_read_as_they_are_alone() -> None:
    versions = LockVersions()
    for content in (_lock(a="1", b="2"), _lock(a="1", b="3", c="4"), _lock(), _lock(**{"on": "5", "two words": "6"})):
        assert versions.decode(content) == versions.decode(content) == lock.decode(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace(b"  a:", b"  c:"),
        lambda text: text.replace(b"  b:", b"  a:"),
        lambda text: text.replace(b"stages:", b"stages: "),
        lambda text: text.replace(b"size: 1", b"size: one"),
        lambda text: text.replace(b"version: 1", b"version: 2"),
        lambda text: text + b"\n",
        lambda text: b"stages:\n    - x\n" + text[8:],
        lambda text: b"",
    ],
)
def test_what_is_malformed_is_refused_with_the_same_words(damage) -> None:  # type: ignore[no-untyped-def]
    content = damage(_lock(a="1", b="2"))
    with pytest.raises(CorruptError) as alone:
        lock.decode(content)
    versions = LockVersions()
    versions.decode(_lock(a="1", b="2"))
    with pytest.raises(CorruptError) as found:
        versions.decode(content)
    assert (found.value.what, found.value.why) == (alone.value.what, alone.value.why)


def test_conflict_markers_are_told_as_such() -> None:
    content = _lock(a="1").replace(b"  a:", b"<<<<<<< ours\n  a:")
    with pytest.raises(ConflictError):
        LockVersions().decode(content)
