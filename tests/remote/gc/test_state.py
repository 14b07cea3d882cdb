from __future__ import annotations

import pytest

from dver.core.oid import Oid
from dver.formats.condemned import Condemned
from dver.formats.pack import FRAME_HEADER_SIZE, ROW_SIZE, Codec, ObjectKind
from dver.formats.remote_index import PackRef
from dver.remote.gc.state import IndexSummary, ObjectsByKind, RemoteGcPlan, RemoteRow, RemoteState, total_size

A, B, C, D = (Oid.of(bytes([number])) for number in range(4))


def row(oid: Oid = A, *, kind: ObjectKind = ObjectKind.BLOB, codec: Codec = Codec.RAW) -> RemoteRow:
    return RemoteRow(oid, B, C, 100, kind, codec, 30, 20)


def state(lists: dict[Oid, Condemned], *, seen: frozenset[Oid] = frozenset()) -> RemoteState:
    indexes = tuple(IndexSummary(name, 10, (), ()) for name in (A, B))
    return RemoteState(indexes, lists, {C: 1000}, seen, lambda: ())


def test_a_row_converts_to_the_rows_of_packs_and_indexes() -> None:
    one = row()
    assert one.size == FRAME_HEADER_SIZE + 20 + ROW_SIZE
    assert one.row().end == one.found().end == 100 + FRAME_HEADER_SIZE + 20
    assert (one.found().pack, one.found().oid) == (C, A)
    assert one.location({C: 7})[:2] == (A, 7)


@pytest.mark.parametrize(
    ("kind", "codec", "names"),
    [
        (ObjectKind.BLOB, Codec.RAW, False),
        (ObjectKind.BLOB, Codec.CHUNKED, True),
        (ObjectKind.TREE, Codec.RAW, True),
    ],
)
def test_trees_and_recipes_name_other_objects(kind: ObjectKind, codec: Codec, names: bool) -> None:
    assert row(kind=kind, codec=codec).names_others is names


def test_a_blob_with_the_bytes_of_a_tree_is_not_that_tree() -> None:
    found = ObjectsByKind(blobs={A})
    assert found.holds(row(A))
    assert not found.holds(row(A, kind=ObjectKind.TREE))
    assert A in found
    found.of(ObjectKind.TREE).add(B)
    assert (len(found), B in found, C in found) == (2, True, False)


def test_condemned_indexes_are_not_visible() -> None:
    found = state({D: Condemned(0, (C,), (A,))})
    assert found.condemned == {A, C}
    assert [one.name for one in found.visible] == [B]


def test_a_list_is_due_after_its_grace_and_only_if_it_was_seen() -> None:
    one = Condemned(100, (C,), (), 50)
    assert state({D: one}, seen=frozenset([D])).due(149) == {}
    assert state({D: one}, seen=frozenset([D])).due(150) == {D: one}
    assert state({D: one}).due(1000) == {}


def test_a_plan_is_empty_unless_it_writes_or_deletes_something() -> None:
    ref = PackRef(C, 5)
    assert RemoteGcPlan(1, 1, waiting_packs=(ref,), next_due=9, live_objects=3).empty
    for changes in (
        {"condemned_packs": (ref,)},
        {"condemned_indexes": (A,)},
        {"deleted_packs": (ref,)},
        {"deleted_lists": (D,)},
        {"merges": True},
        {"restated": ((D, Condemned(1)),)},
    ):
        assert not RemoteGcPlan(1, 1, **changes).empty, changes


def test_sizes_of_packs_add_up() -> None:
    assert total_size([PackRef(A, 5), PackRef(B, 7)]) == 12
    assert total_size([]) == 0
