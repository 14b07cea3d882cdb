"""Lock files: one form, whatever is in them, and merged stage by stage."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from strategies import damaged, locks

from dver.core.errors import ConflictError, CorruptError
from dver.core.oid import Oid
from dver.formats.lock import MAX_SIZE, Lock, LockedItem, LockedStage, decode, encode
from dver.formats.pack import ObjectKind

OID = Oid.of(b"data")
STAGE = LockedStage("python train.py", deps=(LockedItem("data", ObjectKind.TREE, OID, 12, 3),))
TEXT = f"""\
stages:
  prepare:
    cmd:
    - "python clean.py --all"
    - "python split.py"
    deps:
    - path: clean.py
      kind: blob
      oid: {OID}
      size: 120
    - path: data/raw
      files: 3
      kind: tree
      oid: {OID}
      size: 12
    outs:
    - path: run.sh
      executable: true
      kind: blob
      oid: {OID}
      size: 5
    params:
      params.yaml:
        "on": [true, null]
        split.ratio: 0.2
  "train: 1":
    cmd: "python train.py"
version: 1
"""


@given(locks())
def test_a_lock_survives_encoding(lock: Lock) -> None:
    assert decode(encode(lock)) == lock
    assert encode(decode(encode(lock))) == encode(lock)


@given(locks())
def test_a_yaml_library_reads_the_same(lock: Lock) -> None:
    from ruamel.yaml import YAML

    document = YAML(typ="safe", pure=True).load(encode(lock))
    assert document["version"] == 1
    for name, stage in lock.stages.items():
        found = document["stages"][name]
        assert found["cmd"] == (stage.cmd if isinstance(stage.cmd, str) else list(stage.cmd))
        assert [one["path"] for one in found.get("deps", [])] == [one.path for one in stage.deps]
        assert [one["oid"] for one in found.get("outs", [])] == [str(one.oid) for one in stage.outs]
        assert list(found.get("params", {})) == sorted(stage.params)


@given(damaged(locks().map(encode)))
def test_a_damaged_lock_is_refused_or_is_another_one(content: bytes) -> None:
    try:
        lock = decode(content)
    except (CorruptError, ConflictError):
        return
    assert encode(lock) == content


def test_the_form_is_this() -> None:
    lock = decode(TEXT.encode())
    assert encode(lock) == TEXT.encode()
    assert lock.stages["prepare"].params == {"params.yaml": {"split.ratio": 0.2, "on": [True, None]}}
    assert lock.stages["prepare"].outs == (LockedItem("run.sh", ObjectKind.BLOB, OID, 5, executable=True),)
    assert lock.stages["train: 1"].cmd == "python train.py"


def test_a_lock_without_stages_is_this() -> None:
    assert encode(Lock()) == b"stages: {}\nversion: 1\n"
    assert decode(b"stages: {}\nversion: 1\n") == Lock()


def test_what_dver_yaml_said_of_an_output_is_kept_and_nothing_of_the_default() -> None:
    special = LockedItem("b", ObjectKind.BLOB, OID, 1, cache=False, push=False, remote="archive", checks_skipped=True)
    text = encode(Lock({"s": LockedStage("x", outs=(LockedItem("a", ObjectKind.BLOB, OID, 1), special))})).decode()
    assert text.count("cache:") == text.count("push:") == text.count("remote:") == text.count("checks:") == 1
    assert decode(text.encode()).stages["s"].outs[1] == special
    for line in ("      cache: false\n", "      push: false\n", "      checks: skipped\n"):
        with pytest.raises(CorruptError, match="cannot be read"):
            decode(text.replace(line, line.split(":")[0] + ": true\n").encode())


def test_environment_variables_are_kept_as_digests_those_that_are_not_set_too() -> None:
    seed, mode = f"scrypt:{'5' * 32}", f"blake3:{'a' * 32}"
    stage = LockedStage("x", env={"SEED": seed, "no": mode, "GONE": None})
    text = encode(Lock({"s": stage})).decode()
    assert f'    env:\n      GONE: null\n      SEED: {seed}\n      "no": {mode}\n' in text
    assert decode(text.encode()).stages["s"] == stage
    with pytest.raises(CorruptError, match="cannot be read") as caught:
        decode(text.replace(seed, '"value"').encode())
    assert caught.value.why == "line 6: expected a digest of an environment variable, or null"


def test_the_value_of_an_environment_variable_is_never_written() -> None:
    with pytest.raises(CorruptError, match="the value of an environment variable"):
        encode(Lock({"s": LockedStage("x", env={"TOKEN": "value"})}))


def test_values_that_json_has_no_word_for_are_as_yaml_writes_them() -> None:
    from ruamel.yaml import YAML

    values = {"a": math.inf, "b": [-math.inf, math.nan, {"x": math.inf}], "c": "NaN, Infinity, .inf", "d": 2**70}
    stage = LockedStage("x", params={"p.yaml": values})
    content = encode(Lock({"s": stage}))
    assert b"        a: .inf\n" in content
    assert b'        b: [-.inf, .nan, {"x": .inf}]\n' in content
    assert decode(content).stages["s"].params["p.yaml"] == values
    found = YAML(typ="safe", pure=True).load(content)["stages"]["s"]["params"]["p.yaml"]
    assert (found["a"], found["b"][0], found["c"], found["d"]) == (math.inf, -math.inf, values["c"], 2**70)
    assert math.isnan(found["b"][1])


def test_a_value_that_cannot_be_recorded_is_named() -> None:
    nested: list[object] = []
    for _ in range(60):
        nested = [nested]
    for value, why in ((10**500, "more than 400 digits"), (nested, "nested more than 50 times")):
        with pytest.raises(CorruptError, match=r"the parameter 'lr' of 'p\.yaml' cannot be recorded") as caught:
            encode(Lock({"s": LockedStage("x", params={"p.yaml": {"lr": value}})}))
        assert why in (caught.value.why or "")
        assert "in quotes" in (caught.value.fix or "")


def test_items_are_sorted_whatever_their_order() -> None:
    items = tuple(LockedItem(path, ObjectKind.BLOB, OID, 1) for path in ("b", "a"))
    assert encode(Lock({"s": LockedStage("x", deps=items)})) == encode(Lock({"s": LockedStage("x", deps=items[::-1])}))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("version: 1", "version: 2", "version 2"),
        ("version: 1\n", "", "line 28"),
        ("    deps:\n    - path: clean", "    deps: *all\n    - path: clean", "line 6"),
        ("size: 120", "size: 99999999999999999999", "line 10: expected a whole number"),
        ("0.2", "9" * 5000, "more than 400 digits"),
        ("0.2", "Infinity", "Infinity is no value"),
        ("0.2", "NaN", "NaN is no value"),
        ("0.2", "!!python/object x", "as JSON writes it"),
        ("0.2", "[" * 100_000, "as JSON writes it"),
        ("0.2", '{"a": 1, "a": 2}', "'a' is there twice"),
        ('        "on": [true, null]\n', "        split.ratio: 0.2\n", "is there twice"),
        ('  "train: 1":', "  prepare:", "'prepare' is there twice"),
        ("kind: tree", "kind: link", "needs `kind`"),
        (f"oid: {OID}", "oid: blake3:00", "not an object id"),
        ("    outs:", "    results:", "has no `results`"),
        ('    cmd: "python train.py"\n', "", "has no `cmd`"),
        ('"python split.py"', "python split.py", "as JSON writes it"),
        ("  prepare:", "  prepare: x", "expected no value"),
        ("executable: true", "executable: yes", "line 18: not as dver writes it"),
        ("\n", "\r\n", "line 1"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, told: str) -> None:
    with pytest.raises(CorruptError) as error:
        decode(TEXT.replace(old, new, -1 if old == "\n" else 1).encode())
    assert told in f"{error.value.what} {error.value.why}"


def test_what_is_no_text_or_too_large_or_conflicted_is_refused() -> None:
    with pytest.raises(CorruptError, match="not text"):
        decode(b"\xff")
    with pytest.raises(CorruptError, match="too large"):
        decode(b" " * (MAX_SIZE + 1))
    with pytest.raises(ConflictError):
        decode(b"stages:\n<<<<<<< ours\n")


@pytest.mark.parametrize("value", [10**400, {1: 2}, object()])
def test_values_that_cannot_be_written_are_refused(value: object) -> None:
    with pytest.raises(CorruptError):
        encode(Lock({"s": LockedStage("x", params={"f": {"k": value}})}))
