"""What is told of stages where data is only not there."""

from __future__ import annotations

from dver.core.oid import Oid
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.plan import Intent, StagePlan
from dver.pipelines.engine.reasons import (
    CommandChanged,
    DependencyMissing,
    NeverRun,
    OutputChanged,
    OutputMissing,
    Reason,
    Upstream,
)
from dver.pipelines.workspace.status import drop_absent_data

A, B, C = (Address("sub", name) for name in "abc")


def told(steps: dict[Address, tuple[Reason, ...]], *absent: bytes) -> dict[Address, tuple[Reason, ...]]:
    found = drop_absent_data([StagePlan(one, Intent.RUN, reasons) for one, reasons in steps.items()], absent)
    return {one.address: one.reasons for one in found}


def test_what_is_recorded_and_not_there_is_no_reason_nor_is_what_follows_from_it() -> None:
    steps = {
        A: (OutputMissing("out"), DependencyMissing("../data/part")),
        B: (DependencyMissing("out"), Upstream((A,))),
        C: (Upstream((A, B)),),
    }
    assert told(steps, b"sub/out", b"data") == {}
    assert told(steps, b"sub/out") == {
        A: (DependencyMissing("../data/part"),),
        B: (Upstream((A,)),),
        C: (Upstream((A, B)),),
    }


def test_other_reasons_stay() -> None:
    steps = {
        A: (CommandChanged("x", "y"), OutputMissing("out")),
        B: (NeverRun(), DependencyMissing("out"), Upstream((A,))),
        C: (OutputMissing("other"),),
    }
    assert told(steps, b"sub/out") == {
        A: (CommandChanged("x", "y"),),
        B: (NeverRun(), Upstream((A,))),
        C: (OutputMissing("other"),),
    }


def test_a_folder_that_is_missing_is_explained_by_what_is_absent_in_it() -> None:
    assert told({A: (DependencyMissing("folder"),)}, b"sub/folder/data") == {}
    assert told({A: (DependencyMissing("folder"),)}, b"sub/folder2") != {}


def test_files_of_an_output_are_told_where_the_data_is() -> None:
    old, new = (LockedItem("out", ObjectKind.TREE, Oid.of(content), 1) for content in (b"old", b"new"))
    assert told({A: (OutputChanged("out", old, new, ()),)}) == {A: (OutputChanged("out", old, new),)}
