"""What earlier runs of the same work made: finding it, and putting it back instead of running the stage."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dver.core.progress import Progress
from dver.formats import lock
from dver.formats.lock import LockedItem
from dver.pipelines.definition.stage import Output, Stage
from dver.pipelines.engine.graph import Address, place_of
from dver.pipelines.engine.reasons import Inputs, is_same, recorded, run_key
from dver.pipelines.execution.outputs import make_room
from dver.pipelines.run_cache.entries import RunCache
from dver.pipelines.workspace.locks import Locks
from dver.repo import Repository
from dver.workspace.checkout.restore import Wish, restore


@dataclass(frozen=True, slots=True)
class Hit:
    """Work that was done before, of which all that is not in place is at hand."""

    outs: Mapping[str, LockedItem]
    """All outputs, by path."""
    lacking: tuple[Output, ...]
    """Those that are not in place."""


AtHand = Callable[[Sequence[LockedItem]], bool]
"""Can all of this be had? Whoever answers may get it."""


@dataclass(frozen=True, slots=True)
class Known:
    """Where to look for earlier runs, and for what they made."""

    runs: RunCache
    locks: Locks
    elsewhere: AtHand | None = None
    """Asked for what is not in the store."""


def find_hit(
    repo: Repository,
    known: Known,
    address: Address,
    stage: Stage,
    inputs: Inputs,
    outs: Mapping[str, LockedItem | None],
) -> Hit | None:
    """What came of the same work, as the run cache knows it, or the lock, which others may have written; `outs` are in
    place now. None if nothing is known, or not all of it is at hand."""
    if not _is_determined(stage):
        return None
    hits = [_hit(stage, before, outs) for before in _earlier(known, address, stage, inputs)]
    hits = [hit for hit in hits if not _takes_back(hit, outs)]
    here = next((hit for hit in hits if not _absent(repo, hit)), None)
    if here is not None or known.elsewhere is None:
        return here
    return next((hit for hit in hits if known.elsewhere(_absent(repo, hit))), None)


def find_recorded(
    repo: Repository,
    stage: Stage,
    last: lock.LockedStage | None,
    outs: Mapping[str, LockedItem | None],
    elsewhere: AtHand | None = None,
) -> Hit | None:
    """The outputs of a frozen stage as its lock has them, if one is missing and can be had, whatever the stage would
    run on now; `outs` are in place."""
    if last is None or {one.path for one in last.outs} != outs.keys():
        return None
    hit = Hit({one.path: one for one in last.outs}, tuple(out for out in stage.outs if outs[out.path] is None))
    absent = _absent(repo, hit)
    return hit if hit.lacking and (not absent or (elsewhere is not None and elsewhere(absent))) else None


def put_back(
    repo: Repository,
    address: Address,
    stage: Stage,
    hit: Hit,
    progress: Progress,
    *,
    incomplete: Collection[Output] = (),
) -> tuple[LockedItem, ...] | None:
    """Bring what is lacking into place; to directories that are only `incomplete`, the missing files. Returns the
    stage's outputs, or None if content turned out to be lost."""
    make_room(repo, address, [one for one in hit.lacking if one not in incomplete])
    wishes = [
        Wish(os.fsencode(place_of(address.folder, one.path, one.mark)), hit.outs[one.path].entry) for one in hit.lacking
    ]
    with repo.exclusive():
        restored = restore(repo, wishes, force=True, notes=False, progress=progress)
    if restored.lost:
        return None
    # What `dver.yaml` says of them now may be something else than it was.
    return tuple(replace(hit.outs[one.path], cache=one.cache, push=one.push, remote=one.remote) for one in stage.outs)


def is_repeatable(stage: Stage) -> bool:
    """Does the run cache know what comes of the stage? Not if what it made before is an input as well."""
    return _is_determined(stage) and not any(out.persist for out in stage.outs)


def _is_determined(stage: Stage) -> bool:
    """Can its outputs be restored instead of running it? A stage without outputs is run for something else, and of one
    without inputs it is not known what it depends on. What a stage does to its dependencies would not be done."""
    has_inputs = bool(stage.deps or stage.params or stage.env)
    return bool(stage.outs) and has_inputs and not stage.always_changed and not stage.modifies


def _earlier(known: Known, address: Address, stage: Stage, inputs: Inputs) -> Iterator[lock.LockedStage]:
    names = sorted(one.path for one in stage.outs)
    key = run_key(recorded(stage, inputs), names)
    for before in (known.runs.get(key) if is_repeatable(stage) else None, known.locks.of(address)):
        if before is not None and sorted(one.path for one in before.outs) == names and run_key(before, names) == key:
            yield before


def _hit(stage: Stage, before: lock.LockedStage, outs: Mapping[str, LockedItem | None]) -> Hit:
    made = {one.path: one for one in before.outs}
    return Hit(made, tuple(out for out in stage.outs if not is_same(made[out.path], outs[out.path])))


def _takes_back(hit: Hit, outs: Mapping[str, LockedItem | None]) -> bool:
    """Would something that persists, and is there, be replaced by what it was before?"""
    return any(out.persist and outs[out.path] is not None for out in hit.lacking)


def _absent(repo: Repository, hit: Hit) -> list[LockedItem]:
    """What is neither in place nor in the store."""
    lacking = [hit.outs[one.path] for one in hit.lacking]
    return [one for one in lacking if repo.store.find_missing([one.ref])]
