from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import locks

from dver.core.errors import ConflictError
from dver.formats.lock import Lock, LockedStage, decode, encode, encode_stage
from dver.formats.lock_merge import merge

STAGE = LockedStage("x")


def merged(base: Lock | None, ours: Lock, theirs: Lock) -> tuple[bytes, tuple[str, ...]]:
    return merge(encode(base) if base is not None else None, encode(ours), encode(theirs))


def stages(**commands: str) -> Lock:
    return Lock({name: replace(STAGE, cmd=command) for name, command in commands.items()})


def test_stages_that_only_one_side_changed_are_its() -> None:
    content, conflicts = merged(stages(a="1", b="1", c="1"), stages(a="2", b="1", d="4"), stages(a="1", b="2", c="1"))
    assert conflicts == ()
    assert decode(content) == stages(a="2", b="2", d="4")


def test_both_added_the_file() -> None:
    assert merged(None, stages(a="1"), stages(b="2")) == (encode(stages(a="1", b="2")), ())
    assert merged(None, Lock(), Lock()) == (encode(Lock()), ())


def test_markers_stand_around_the_stage_alone() -> None:
    content, conflicts = merged(stages(a="1", b="1"), stages(a="2", b="1"), stages(a="3", b="2"))
    ours, theirs, rest = (
        encode_stage(name, replace(STAGE, cmd=cmd)) for name, cmd in (("a", "2"), ("a", "3"), ("b", "2"))
    )
    wanted = f"stages:\n<<<<<<< ours\n{ours}=======\n{theirs}>>>>>>> theirs\n{rest}version: 1\n"
    assert (content.decode(), conflicts) == (wanted, ("a",))
    with pytest.raises(ConflictError):
        decode(content)


def test_a_stage_that_one_side_deleted_and_the_other_changed_is_a_conflict() -> None:
    content, conflicts = merged(stages(a="1"), Lock(), stages(a="2"))
    assert conflicts == ("a",)
    assert b"<<<<<<< ours\n=======\n  a:\n" in content


def test_one_side_decides_the_stages_in_conflict_and_no_others() -> None:
    three = [encode(one) for one in (stages(a="1", b="1"), stages(a="2", b="1"), stages(a="3", b="2"))]
    assert merge(*three, prefer="ours") == (encode(stages(a="2", b="2")), ())
    assert merge(*three, prefer="theirs") == (encode(stages(a="3", b="2")), ())


def test_a_base_in_conflict_is_no_reason_to_take_a_side() -> None:
    base, conflicts = merged(stages(a="0", b="1"), stages(a="1", b="1"), stages(a="2", b="1"))
    assert conflicts == ("a",)
    content, conflicts = merge(base, encode(stages(a="1", b="3")), encode(stages(a="2", b="1")))
    assert conflicts == ("a",)
    assert encode_stage("b", replace(STAGE, cmd="3")) in content.decode()
    assert merge(base, encode(stages(a="1")), encode(stages(a="1", b="1"))) == (encode(stages(a="1")), ())
    nothing_known = b"<<<<<<< x\n=======\n>>>>>>> y\n"
    assert merge(nothing_known, encode(stages(a="1")), encode(stages(a="1", b="1")))[1] == ("b",)


@given(locks(), locks(), locks(), st.booleans())
def test_a_merge_without_conflicts_is_a_lock(base: Lock, ours: Lock, theirs: Lock, added: bool) -> None:
    content, conflicts = merged(None if added else base, ours, theirs)
    if conflicts:
        with pytest.raises(ConflictError):
            decode(content)
    else:
        assert decode(content).stages.keys() <= ours.stages.keys() | theirs.stages.keys()
    assert merged(base, ours, base) == (encode(ours), ())
    assert merged(base, base, theirs) == (encode(theirs), ())
