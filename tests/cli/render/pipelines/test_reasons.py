"""Why a stage is to be run, in words."""

from __future__ import annotations

import pytest

from dver.cli.render.pipelines.reasons import step_json
from dver.core.oid import Oid
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.formats.tree import Entry, Kind
from dver.pipelines.definition.param_files import ABSENT
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.plan import Intent, StagePlan
from dver.pipelines.engine.reason_text import reason_text
from dver.pipelines.engine.reasons import (
    Always,
    CommandChanged,
    DependencyChanged,
    DependencyMissing,
    EnvChanged,
    FolderChanged,
    Forced,
    NeverRun,
    OutputChanged,
    OutputMissing,
    OutputsDiffer,
    ParamChanged,
    Reason,
    Upstream,
)
from dver.store.trees.compare import ChangeStatus, TreeChange

LONG = "python train.py --data prepared/set --epochs 100 --batch 64"


def item(content: bytes, *, files: int = 0) -> LockedItem:
    kind = ObjectKind.TREE if files else ObjectKind.BLOB
    return LockedItem("it", kind, Oid.of(content), len(content), files or 1)


def changes(*names: bytes) -> tuple[TreeChange, ...]:
    return tuple(TreeChange(ChangeStatus.ADDED, one, None, Entry(one, Kind.FILE, Oid.of(one), 1)) for one in names)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (NeverRun(), "never ran"),
        (CommandChanged("a", ("a", "b")), 'command changed: a -> ["a", "b"]'),
        (
            CommandChanged(f"{LONG} --lr 0.1", f"{LONG} --lr 0.25 --more"),
            "command changed: …0 --batch 64 --lr 0.1 -> …0 --batch 64 --lr 0.25 --more",
        ),
        (FolderChanged(".", "sub"), "directory changed: . -> sub"),
        (DependencyChanged("it", None, item(b"x")), "new dependency: it"),
        (DependencyChanged("it", item(b"x"), None), "no longer a dependency: it"),
        (DependencyChanged("it", item(b"x"), item(b"y")), "changed: it"),
        (DependencyChanged("it", item(b"x"), item(b"xy")), "changed: it (1 B -> 2 B)"),
        (
            DependencyChanged("it", item(b"x", files=1), item(b"yz", files=2)),
            "changed: it (1 file, 1 B -> 2 files, 2 B)",
        ),
        (
            DependencyChanged("it", item(b"x", files=1), item(b"y", files=2), changes(b"a", b"b/\xff")),
            'changed: it, 2 files (2 added): a, "b/\\377"',
        ),
        (
            OutputChanged("it", item(b"x", files=1), item(b"y", files=2), changes(b"a", b"b", b"c", b"d")),
            "output changed: it, 4 files (4 added): a, b, c, …",
        ),
        (DependencyMissing("it"), "missing: it"),
        (ParamChanged("params.yaml", "lr", ABSENT, [1, "x"]), 'parameter lr of params.yaml: nothing -> [1, "x"]'),
        (EnvChanged("SEED", None, "scrypt:1"), "environment variable SEED: now set"),
        (EnvChanged("SEED", "scrypt:1", None), "environment variable SEED: no longer set"),
        (EnvChanged("SEED", "scrypt:1", "scrypt:2"), "environment variable SEED changed"),
        (EnvChanged("SEED", ABSENT, "scrypt:2"), "environment variable SEED: new in `env`"),
        (EnvChanged("SEED", "scrypt:1", ABSENT), "environment variable SEED: no longer in `env`"),
        (OutputMissing("it"), "output missing: it"),
        (OutputsDiffer(("new",), ("old",)), "outputs changed: new added, old removed"),
        (Upstream(tuple(Address("", str(one)) for one in range(5))), "after 0, 1, 2 and 2 more stages"),
        (Always(), "always_changed"),
        (Forced(), "--force"),
    ],
)
def test_each_reason_is_told_in_a_line(reason: Reason, text: str) -> None:
    assert reason_text(reason) == text


def test_in_json_each_reason_says_what_it_is_and_directories_have_a_limit() -> None:
    many = changes(*(b"%05d" % one for one in range(2000)))
    step = StagePlan(
        Address("sub", "a"),
        Intent.RUN,
        (
            NeverRun(),
            ParamChanged("p.yaml", "lr", ABSENT, None),
            DependencyChanged("it", item(b"x", files=1), item(b"y", files=2001), many),
            Upstream((Address("sub", "b"),)),
        ),
    )
    found = step_json(step)
    assert (found["stage"], found["intent"]) == ("sub/dver.yaml:a", "run")
    never, param, changed, upstream = found["reasons"]
    assert never == {"reason": "never_run"}
    assert param == {"reason": "param_changed", "file": "p.yaml", "key": "lr", "new": None}
    assert (changed["reason"], changed["changed"], len(changed["files"])) == ("dependency_changed", 2000, 1000)
    assert upstream == {"reason": "upstream", "stages": ["sub/dver.yaml:b"]}
