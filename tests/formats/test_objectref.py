"""The ways from pointers, locked items and directory entries to the objects that they name."""

from __future__ import annotations

import pytest

from dver.core.oid import Oid
from dver.formats.lock import LockedItem
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry, Kind

OID = Oid.of(b"content")
ENTRIES = [
    Entry(b"data", Kind.FILE, OID, 7),
    Entry(b"data", Kind.EXECUTABLE, OID, 7),
    Entry(b"data", Kind.DIRECTORY, OID, 700, 30),
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_pointer_to_an_entry_names_the_same_object(entry: Entry) -> None:
    pointer = Pointer.of(entry)
    assert pointer.entry(b"some/data") == entry
    assert (
        pointer.ref(b"some/data") == entry.ref(b"some/data") == ObjectRef(OID, pointer.kind, b"some/data", entry.size)
    )


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_locked_item_names_the_same_object_as_its_pointer(entry: Entry) -> None:
    executable = entry.kind is Kind.EXECUTABLE
    item = LockedItem("out/data", entry.object_kind, OID, entry.size, entry.files, executable, push=False, remote="nas")
    assert item.entry == entry
    assert item.ref == item.pointer.ref(b"out/data")
    assert item.pointer == Pointer(item.kind, OID, entry.size, entry.files, executable, remote="nas", push=False)


def test_a_link_names_a_blob() -> None:
    assert Entry(b"link", Kind.SYMLINK, OID, 4).ref(b"link").key == (OID, ObjectKind.BLOB)
