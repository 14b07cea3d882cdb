"""Refuses to run or record stages whose data is out of date: its pointer or lock changed after the last checkout."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property

from dver.core.errors import StageError
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import Progress
from dver.pipelines.definition.stage import Stage
from dver.pipelines.engine.graph import Address
from dver.pipelines.workspace.stage_files import dep_paths, out_paths
from dver.repo import Repository
from dver.tracking.availability import availability_of
from dver.tracking.targets import Target, TrackedData, is_at_or_below, tracked_in_worktree
from dver.workspace.changes.data_changes import RecordedData, pointer_moved, state_of
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.state.data_state import DataState


class OutOfDateData:
    """Finds out-of-date data of a project. Reads pointers once: a run changes only what it records."""

    def __init__(self, repo: Repository, progress: Progress) -> None:
        self._repo = repo
        self._progress = progress
        self._placed = repo.state.placed

    def refuse_to_run(self, address: Address, stage: Stage) -> None:
        """Raise StageError if the stage reads tracked data that is out of date."""
        found = [one for one in self._at(dep_paths(address, stage)) if one.tracked.maker is None]
        outdated = [one for one in found if self._state(one) is DataState.OUT_OF_DATE]
        if outdated:
            raise self._error(outdated, f"stage {str(address)!r} reads {{}}", "the stage would run on the old version")

    def refuse_to_record(self, address: Address, stage: Stage) -> None:
        """Raise StageError if recording the stage would revert a changed pointer or lock."""
        outdated = [
            one
            for one in self._at([*dep_paths(address, stage), *out_paths(address, stage.outs)])
            if self._state(one).is_behind
        ]
        if outdated:
            force = f"`dver commit --force {quoted(str(address))}` records it anyway"
            raise self._error(
                outdated, f"stage {str(address)!r} has {{}}", "recording it would revert the change", force
            )

    @cached_property
    def _changed(self) -> list[TrackedData]:
        tracked = tracked_in_worktree(self._repo).values()
        return [one for one in tracked if pointer_moved(RecordedData.of(Target(one)), self._placed)]

    def _at(self, places: Iterable[str]) -> list[Target]:
        """The data at, in or around `places` whose pointer or lock changed."""
        paths = [os.fsencode(place) for place in places] if self._changed else []
        found: dict[bytes, Target] = {}
        for path in paths:
            for one in self._changed:
                if is_at_or_below(one.path, path):
                    found[one.path] = Target(one)
                elif is_at_or_below(path, one.path):
                    found[path] = Target(one, tuple(path[len(one.path) + 1 :].split(b"/")))
        return list(found.values())

    def _state(self, target: Target) -> DataState:
        snapshot = self._repo.workspace.scan(target.path, HashOnly(), progress=self._progress)
        return state_of(self._repo, RecordedData.of(target), snapshot, self._placed)

    def _error(self, outdated: list[Target], problem: str, why: str, otherwise: str | None = None) -> StageError:
        pointers = [one.tracked.pointer for one in outdated]
        in_store = availability_of(self._repo, pointers).in_store
        verb = "checkout" if all(one.oid in in_store for one in pointers) else "pull"
        names = [self._repo.layout.shown(one.path) for one in outdated]
        fix = f"dver {verb} {' '.join(map(quoted, names))}"
        return StageError(
            problem.format(f"{join_limited(names)}, which is out of date"),
            why=f"the pointer or lock changed, and {why}",
            fix=f"{fix}; {otherwise}" if otherwise else fix,
        )
