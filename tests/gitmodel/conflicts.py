"""Ending conflicts: with dver, and in the twin as dver promises to end them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gitmodel.checkout import Checkout
from gitmodel.world import World
from support import git

_CHOICES = ("ours", "theirs", "union")
_THEIRS = {
    "merge": "MERGE_HEAD",
    "rebase": "REBASE_HEAD",
    "cherry-pick": "CHERRY_PICK_HEAD",
    "revert": "REVERT_HEAD^",
    "stash": "stash@{0}",
}
OURS, THEIRS = "2", "3"


class Version(NamedTuple):
    """A file on one side of a conflict."""

    mode: str
    blob: str


def finish(world: World, checkout: Checkout, verb: str) -> None:
    """Resolve all conflicts, and bring what is under way to its end; or call it off."""
    while checkout.under_way(verb):
        conflict = checkout.unmerged()
        # A commit that its hook adds to would have the unsaved changes in it, which the twin does not know.
        if world.sometimes(0.1) or (checkout.unsaved and checkout.adds_itself and conflict):
            assert checkout.git(verb, "--abort")
        elif conflict:
            decide(world, checkout, verb)
            checkout.git("-c", "core.editor=true", verb, "--continue")
        else:  # nothing was left of the commit
            assert checkout.git(verb, "--skip")


def decide(world: World, checkout: Checkout, verb: str) -> None:
    """Take the same versions in both: of all files one side, or file by file another."""
    conflicts = _conflicts(checkout.twin)
    if world.sometimes(0.3):
        listed = {one["path"] for one in checkout.dver("resolve", "--json").json["open"]}
        assert listed == conflicts.keys(), "other files are in conflict than in the twin"
        choices = {path: world.chance.choice(_choices(world, checkout, path)) for path in conflicts}
        done = [checkout.dver("resolve", path, f"--{choice}", rc=None) for path, choice in choices.items()]
    else:
        possible = [_choices(world, checkout, path) for path in conflicts]
        choice = world.chance.choice(min(possible, key=len))
        choices = dict.fromkeys(conflicts, choice)
        done = [checkout.dver("resolve", ".", f"--{choice}", rc=None)]
    failed = [one for one in done if one.rc]
    # What the other clone has added may not be here yet; what is unsaved may be in the way.
    assert all(one.rc == 5 or checkout.unsaved for one in failed), failed
    if failed:
        checkout.dver("pull", rc=None if checkout.unsaved else 0)
    kept_twice = _take(checkout, conflicts, choices, _THEIRS[verb])
    _change(world, checkout, [path for path in kept_twice if path.startswith("data/")])
    assert not checkout.unmerged()


def _choices(world: World, checkout: Checkout, path: str) -> tuple[str, ...]:
    # Files with pointers of their own become two where others may move, too, and beside no others; and see `_change`.
    union = not checkout.unsaved if path.startswith("data/") else world.moves and path.startswith("bin/")
    return _CHOICES if union else _CHOICES[:2]


def _change(world: World, checkout: Checkout, paths: list[str]) -> None:
    """Edit what a union has kept: else dver would take it later for the renamed file, and rightly so."""
    for path in paths:
        assert (checkout.real / path).read_bytes() == (checkout.twin / path).read_bytes(), path
        checkout.write(path, world.content(100))
    if paths:
        checkout.dver("add", "data")
        checkout.says("add", "-A", "data")


def _conflicts(twin: Path) -> dict[str, dict[str, Version]]:
    found: dict[str, dict[str, Version]] = {}
    for line in git("ls-files", "-u", "-z", cwd=twin).split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, blob, stage = head.split()
        found.setdefault(path, {})[stage] = Version(mode, blob)
    return dict(sorted(found.items()))


def _take(
    checkout: Checkout, conflicts: Mapping[str, Mapping[str, Version]], choices: Mapping[str, str], theirs: str
) -> list[str]:
    """Take them in the twin. Returns what a union has kept."""
    twin = checkout.twin
    kept: list[str] = []
    taken = _taken(twin, conflicts, theirs) | checkout.unsaved.keys()
    for path, sides in conflicts.items():
        git("rm", "-q", "--cached", "--", path, cwd=twin)
        (twin / path).unlink(missing_ok=True)
        union = choices[path] == "union"
        if union and OURS in sides and THEIRS in sides:
            for stage, place in zip((OURS, THEIRS), _both_names(path, taken), strict=True):
                _put(twin, place, sides[stage])
                taken.add(place)
                kept.append(place)
            continue
        wanted = THEIRS if choices[path] == "theirs" or (union and OURS not in sides) else OURS
        if wanted in sides:
            _put(twin, path, sides[wanted])
    return kept


def _taken(twin: Path, conflicts: Mapping[str, Mapping[str, Version]], theirs: str) -> set[str]:
    """The names beside the conflicts: in a directory those on either side, elsewhere those that are there."""
    found: set[str] = set()
    for folder in {os.path.dirname(path) for path in conflicts}:
        if folder.startswith("data"):
            for revision in ("HEAD", theirs):
                found.update(git("ls-tree", "-z", "--name-only", revision, f"{folder}/", cwd=twin).split("\0"))
        else:
            found.update(os.path.join(folder, name) for name in os.listdir(twin / folder))
    return found


def _both_names(path: str, taken: set[str]) -> tuple[str, str]:
    stem, extension = os.path.splitext(path)
    for number in ("", *map(str, range(2, 1000))):
        both = f"{stem}.ours{number}{extension}", f"{stem}.theirs{number}{extension}"
        if not taken & set(both):
            return both
    raise AssertionError(f"no name is left for {path}")


def _put(twin: Path, path: str, version: Version) -> None:
    git("update-index", "--add", "--cacheinfo", f"{version.mode},{version.blob},{path}", cwd=twin)
    git("checkout-index", "-f", "--", path, cwd=twin)
