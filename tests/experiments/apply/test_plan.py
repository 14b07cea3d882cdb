"""The plan of Git's files, from a view of the workspace alone."""

from __future__ import annotations

import pytest

from dver.core.errors import ConflictError
from dver.experiments.apply.plan import FileKind, FilePlan, Wanted, WorkspaceView, plan_files, wanted_changes
from dver.git.scratch_index import SUBMODULE, TreeDifference

FILE, LINK, DIRECTORY = FileKind.FILE, FileKind.LINK, FileKind.DIRECTORY
REGULAR = b"100644"


def plan(changes: list[TreeDifference], view: WorkspaceView, *, removed_data: tuple[bytes, ...] = ()) -> FilePlan:
    return plan_files(wanted_changes(changes), view, removed_data=removed_data)


def test_files_are_written_overwritten_and_deleted() -> None:
    changes = [
        TreeDifference(b"changed", REGULAR, REGULAR),
        TreeDifference(b"gone", REGULAR, None),
        TreeDifference(b"missing", REGULAR, None),
        TreeDifference(b"new", None, REGULAR),
    ]
    found = plan(changes, WorkspaceView({b"changed": FILE, b"gone": LINK}))
    assert found == FilePlan(clear=(b"gone", b"changed"), write=(b"changed", b"new"))
    assert found.deleted == (b"gone",)


def test_everything_below_a_directory_in_the_way_is_cleared() -> None:
    view = WorkspaceView({b"a": DIRECTORY, b"a/b": DIRECTORY, b"a/b/ignored": FILE}, {b"a": (b"a/b/ignored", b"a/b")})
    found = plan([TreeDifference(b"a", None, REGULAR)], view)
    assert found.clear == (b"a/b/ignored",)
    assert found.clear_directories == (b"a/b", b"a")


@pytest.mark.parametrize("kind", [FILE, LINK])
def test_a_file_or_link_in_place_of_a_directory_is_cleared_once(kind: FileKind) -> None:
    changes = [TreeDifference(b"a/x", None, REGULAR), TreeDifference(b"a/y", None, REGULAR)]
    assert plan(changes, WorkspaceView({b"a": kind})).clear == (b"a",)


@pytest.mark.parametrize("path", [b"a", b"a/x"])
def test_a_special_file_is_never_cleared(path: bytes) -> None:
    with pytest.raises(ConflictError, match="'a' is in the way") as refused:
        plan([TreeDifference(path, None, REGULAR)], WorkspaceView({b"a": FileKind.SPECIAL}))
    assert refused.value.fix == "move it away: mv -- a a.old"


@pytest.mark.parametrize("path", [b"lib", b"lib/x"])
def test_a_repository_is_never_cleared(path: bytes) -> None:
    view = WorkspaceView({b"lib": FileKind.REPOSITORY}, {})
    with pytest.raises(ConflictError, match="cannot replace"):
        plan([TreeDifference(path, None, REGULAR)], view)
    inside = WorkspaceView({b"a": DIRECTORY, b"a/lib": FileKind.REPOSITORY}, {b"a": (b"a/lib",)})
    with pytest.raises(ConflictError, match="'a/lib' is a Git repository of its own"):
        plan([TreeDifference(b"a", None, REGULAR)], inside)


def test_data_that_the_checkout_removes_is_not_cleared_twice() -> None:
    view = WorkspaceView({b"a": DIRECTORY, b"a/x": FILE}, {b"a": (b"a/x",)})
    found = plan([TreeDifference(b"a", None, REGULAR)], view, removed_data=(b"a",))
    assert found == FilePlan(write=(b"a",))


def test_submodules_stay() -> None:
    changes = [
        TreeDifference(b"moved", SUBMODULE, SUBMODULE),
        TreeDifference(b"removed", SUBMODULE, None),
        TreeDifference(b"added", None, SUBMODULE),
        TreeDifference(b"was-file", REGULAR, SUBMODULE),
    ]
    found = plan(changes, WorkspaceView({b"moved": FileKind.REPOSITORY, b"was-file": FILE}))
    assert found.submodules == (b"moved", b"removed", b"added", b"was-file")
    assert found.new_submodules == (b"added", b"was-file")
    assert found.clear == (b"was-file",)
    assert found.write == ()


def test_deletions_in_tracked_data_are_left_to_its_checkout() -> None:
    changes = [TreeDifference(b"data/x", REGULAR, None), TreeDifference(b"data", REGULAR, None)]
    assert wanted_changes(changes, data=(b"data",)) == Wanted((), (), (), (), (), ())


def test_restored_files_come_from_the_record_whatever_the_tree_says() -> None:
    changes = [TreeDifference(b"a", None, REGULAR), TreeDifference(b"b", REGULAR, None)]
    found = wanted_changes(changes, untracked=(b"c",), restored=(b"a", b"b", b"c"))
    assert (found.write, found.delete, found.restore) == ((), (), (b"a", b"b", b"c"))


def test_files_that_a_sparse_checkout_leaves_out_are_not_written() -> None:
    changes = [TreeDifference(b"a", REGULAR, REGULAR)]
    assert wanted_changes(changes, left_out=(b"a",)).left_out == (b"a",)
