"""Doing what a stage needs: making room for it, restoring what an earlier run made, recording what it made."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from dver.core.crew import nobody
from dver.core.errors import MissingObjectError, StageError
from dver.core.oid import Oid
from dver.core.progress import Progress
from dver.core.words import some, typed
from dver.formats import lock
from dver.formats.lock import Item
from dver.formats.pack import ObjectKind
from dver.formats.tree import Entry
from dver.pipeline.graph import Address, Graph, place_of
from dver.pipeline.job import Ended, Job
from dver.pipeline.reasons import Inputs, is_same, recorded, run_key, staleness
from dver.pipeline.schedule import State
from dver.pipeline.stage import Dependency, Output, Stage
from dver.project.history import object_kind
from dver.project.locks import Locks, RunCache
from dver.project.observing import Observer
from dver.project.pipelines import Pipelines
from dver.project.restore import Wish, restore
from dver.project.stages import entry_of_item, inputs_of, item_of, job_of, make_room, outs_of, refuse_missing_params
from dver.project.surroundings import Surroundings, look_around
from dver.project.targets import is_at_or_below
from dver.repo import Repository
from dver.scm import gitignore, index
from dver.store.closure import Root, missing_from
from dver.store.trash import Watch
from dver.store.writer import StoreWriter
from dver.worktree.intake import HashOnly, KeepInStore

_WRITE_EVERY: Final = 0.5
"""Seconds between two writes of lock files while stages end: a file of thousands of stages is not written for each.
What a killed run had not written is in the run cache."""


class StageWork:
    """The scheduler's `Work`, in the workspace of `repo`."""

    def __init__(
        self,
        repo: Repository,
        pipelines: Pipelines,
        observer: Observer,
        locks: Locks,
        *,
        forced: Collection[Address],
        use_cache: bool,
        progress: Progress,
        confirm: Callable[[Address], bool] | None = None,
    ) -> None:
        self._repo = repo
        self._pipelines = pipelines
        self._graph: Graph = pipelines.graph
        self._observer = observer
        self._locks = locks
        self._forced = forced
        self._runs = RunCache(repo) if use_cache else None
        self._progress = progress
        self._confirm = confirm
        """Asked before a stage is run."""
        self._inputs: dict[Address, Inputs] = {}
        """What running stages were started with."""
        self._ignored: dict[bytes, list[bytes]] = {}
        """Lines for `.gitignore`, by folder."""
        self._edited: list[bytes] = []
        """The `.gitignore` files that have theirs, and are to be staged."""
        self._placed: dict[bytes, tuple[Entry, ...]] = {}
        """What stages have put where, to be noted with the locks; nothing for what is not dver's to take away."""
        self._written = time.monotonic()
        self._watch = Watch(repo.store)

    def prepare(self, address: Address) -> Job | State:
        """See `Work`."""
        stage = self._graph.stages[address]
        if stage.frozen and address not in self._forced:
            return State.UP_TO_DATE
        inputs = inputs_of(self._observer, address, stage)
        refuse_missing_params(stage, inputs)
        _refuse_missing_deps(address, inputs)
        lock.encode_stage(address.name, recorded(stage, inputs))
        forced = address in self._forced
        outs = outs_of(self._observer, address, stage)
        if not forced and not staleness(stage, self._locks.of(address), inputs, outs):
            return State.UP_TO_DATE
        if not forced and _is_repeatable(stage) and self._restore(address, stage, inputs, outs):
            return State.RESTORED
        if self._confirm is not None and not self._confirm(address):
            return State.SKIPPED
        self._refuse_parts(address, [*stage.deps, *(one for one in stage.outs if one.persist)])
        self._inputs[address] = inputs
        _ = self._surroundings  # as they are before the first command runs
        return self.again(address)

    @cached_property
    def _surroundings(self) -> Surroundings:
        return look_around(self._repo)

    def again(self, address: Address) -> Job:
        """See `Work`."""
        stage = self._graph.stages[address]
        self._make_room(address, stage.outs)
        return job_of(self._repo, address, stage)

    def record(self, address: Address, ended: Ended) -> None:
        """See `Work`."""
        stage, inputs = self._graph.stages[address], self._inputs.pop(address)
        places = self._places(address)
        read = [*(one.path for one in stage.deps), *(one.file for one in stage.params)]
        self._observer.forget([*places, *(self._place(address, one) for one in read)])
        self._refuse_changed_deps(address, stage, inputs)
        made = self._taken(address, stage, inputs)
        if self._runs is not None and _is_repeatable(stage):
            self._runs.put(
                run_key(made, [one.path for one in stage.outs]),
                made,
                self._surroundings.record(str(address), ended, inputs),
            )
        self._note(address, stage, made)

    def record_as_it_is(self, address: Address) -> None:
        """Take in what there is of a stage as if it had just made it: no run stands behind it, so that the run cache
        learns nothing. Raises StageError for what is not there, and what `prepare` raises."""
        stage = self._graph.stages[address]
        inputs = inputs_of(self._observer, address, stage)
        refuse_missing_params(stage, inputs)
        _refuse_missing_deps(address, inputs)
        self._refuse_parts(address, [*stage.deps, *stage.outs])
        self._note(address, stage, self._taken(address, stage, inputs))

    def _taken(self, address: Address, stage: Stage, inputs: Inputs) -> lock.Stage:
        with self._repo.exclusive():
            return recorded(stage, inputs, self._keep(address, stage))

    def write(self, *, force: bool = False) -> None:
        """Write the lock files, and what Git is to ignore; unless it is forced, only now and then."""
        if not force and time.monotonic() - self._written < _WRITE_EVERY:
            return
        self._written = time.monotonic()
        known: dict[str, list[str]] = {folder: [] for folder in self._pipelines.files}
        for address in self._graph.order:
            known[address.folder].append(address.name)
        with self._repo.exclusive():
            top = self._repo.git.worktree
            changed = [os.fsencode(path.relative_to(top)) for path in self._locks.write(known)]
            self._ignore(list(self._ignored))
            index.stage(self._repo.git, [*changed, *self._edited])
            self._edited.clear()
            # After the locks: what no lock names yet, a checkout would take away.
            self._note_placed()

    def _ignore(self, folders: Iterable[bytes]) -> None:
        """Have Git ignore what stages made in `folders`."""
        for folder in folders:
            path = os.path.join(folder, b".gitignore")
            if gitignore.edit(self._repo.git.worktree / os.fsdecode(path), add=self._ignored.pop(folder)):
                self._edited.append(path)

    @cached_property
    def _read(self) -> frozenset[bytes]:
        """All places that stages read."""
        return frozenset(
            os.fsencode(place_of(address.folder, one.path, one.mark))
            for address, stage in self._graph.stages.items()
            for one in stage.deps
        )

    def _is_read(self, folder: bytes) -> bool:
        while folder and folder not in self._read:
            folder = os.path.dirname(folder)
        return folder in self._read or b"." in self._read

    def _note_placed(self) -> None:
        made, self._placed = self._placed, {}
        if made:
            self._repo.note_placed(made)
            self._repo.note_partial(dict.fromkeys(made, False))
            # From now on a gc sees that they are needed. One that came before has them in the trash.
            self._refuse_lost((one.oid, object_kind(one)) for entries in made.values() for one in entries)

    def _restore(self, address: Address, stage: Stage, inputs: Inputs, outs: Mapping[str, Item | None]) -> bool:
        """Put back what the same work made before, if all of it that is not here is at hand."""
        for before in self._earlier(address, stage, inputs):
            made = {one.path: one for one in before.outs}
            lacking = [out for out in stage.outs if not is_same(made[out.path], outs[out.path])]
            if all(made[one.path].cache and self._is_at_hand(made[one.path]) for one in lacking):
                return self._put_back(address, stage, inputs, made, lacking)
        return False

    def _earlier(self, address: Address, stage: Stage, inputs: Inputs) -> Iterator[lock.Stage]:
        """What came of the same work before: as the run cache knows it, and the lock, which others may have written."""
        if self._runs is None:
            return
        names = sorted(one.path for one in stage.outs)
        key = run_key(recorded(stage, inputs), names)
        for before in (self._runs.get(key), self._locks.of(address)):
            if before is None or sorted(one.path for one in before.outs) != names:
                continue
            if run_key(before, names) == key:
                yield before

    def _put_back(
        self, address: Address, stage: Stage, inputs: Inputs, made: Mapping[str, Item], lacking: Sequence[Output]
    ) -> bool:
        wishes = [Wish(os.fsencode(self._place(address, one.path)), entry_of_item(made[one.path])) for one in lacking]
        self._make_room(address, lacking)
        with self._repo.exclusive():
            restored = restore(self._repo, wishes, force=True, notes=False, progress=self._progress)
        self._observer.forget(self._places(address))
        if restored.lost:
            return False
        items = [replace(made[one.path], cache=one.cache, push=one.push, remote=one.remote) for one in stage.outs]
        self._note(address, stage, recorded(stage, inputs, items))
        return True

    def _is_at_hand(self, item: Item) -> bool:
        return not missing_from(self._repo.store, [Root(item.oid, item.kind, os.fsencode(item.path), item.size)])

    def _keep(self, address: Address, stage: Stage) -> list[Item]:
        """Take what the stage made into the store."""
        found: dict[str, Entry | None] = {}
        kept = [one for one in stage.outs if one.cache]
        left = [one for one in stage.outs if not one.cache]
        with StoreWriter(self._repo.store) as writer, KeepInStore(writer, self._repo.link_mode, nobody()) as intake:
            for out in kept:
                found[out.path] = self._scan(address, out, intake)
        for out in left:
            found[out.path] = self._scan(address, out, HashOnly())
        missing = [out.path for out in stage.outs if found[out.path] is None]
        if missing:
            raise StageError(
                f"stage {str(address)!r} did not make {some(missing)}",
                why="its command ended well, and nothing is there",
                fix="let the command write it, or take it out of the stage",
            )
        return [item_of(out.path, entry, out) for out in stage.outs if (entry := found[out.path]) is not None]

    def _scan(self, address: Address, out: Output, intake: HashOnly | KeepInStore) -> Entry | None:
        folder, name = os.path.split(os.fsencode(self._place(address, out.path)))
        snapshot = self._repo.look(folder, [name], intake, progress=self._progress)
        entries = snapshot.tree(snapshot.root.oid) if snapshot is not None else None
        return entries[0] if entries else None

    def _note(self, address: Address, stage: Stage, made: lock.Stage) -> None:
        self._locks.record(address, made)
        for item in made.outs:
            place = os.fsencode(self._place(address, item.path))
            self._placed[place] = (entry_of_item(item),) if item.cache else ()
            if item.cache:
                folder, name = os.path.split(place)
                self._ignored.setdefault(folder, []).append(gitignore.pattern(name))
        # Whoever reads a folder reads its `.gitignore`, too: it must not change after that.
        if soon := [folder for folder in self._ignored if self._is_read(folder)]:
            with self._repo.exclusive():
                self._ignore(soon)
            self._observer.forget(os.fsdecode(os.path.join(folder, b".gitignore")) for folder in soon)
        self.write()

    def _refuse_lost(self, roots: Iterable[tuple[Oid, ObjectKind]]) -> None:
        if self._watch.lacking(list(roots)):
            raise MissingObjectError(
                "a gc deleted what stages have just made",
                why="its grace period is too short",
                fix="dver repro --force",
            )

    def _refuse_changed_deps(self, address: Address, stage: Stage, before: Inputs) -> None:
        after = inputs_of(self._observer, address, stage)
        changed = [path for path, item in before.deps.items() if after.deps[path] != item]
        changed += [file for file, values in before.params.items() if after.params[file] != values]
        if changed:
            raise StageError(
                f"stage {str(address)!r} ran while what it reads changed: {some(changed)}",
                why="so nobody can say what its outputs were made of, and they are not recorded",
                fix=f"dver repro {typed(str(address))}; or if the command itself changes it, make it no dependency",
            )

    def _make_room(self, address: Address, outs: Sequence[Output]) -> None:
        for out in outs:
            make_room(self._repo, address, out)
        places = [self._place(address, one.path) for one in outs]
        if parts := self._parts(places):
            with self._repo.exclusive():
                self._repo.note_partial(dict.fromkeys(parts, False))
        self._observer.forget(places)

    def _refuse_parts(self, address: Address, paths: Iterable[Dependency | Output]) -> None:
        """Raise StageError if only parts of what a stage reads, or of what it makes and is recorded, are here."""
        parts = self._parts(self._place(address, one.path) for one in paths)
        if parts:
            shown = [self._repo.shown(one) for one in parts]
            raise StageError(
                f"stage {str(address)!r} needs all of {some(shown)}",
                why="only a part of it was ever checked out here",
                fix=f"dver pull {' '.join(map(typed, shown))}",
            )

    def _parts(self, places: Iterable[str]) -> list[bytes]:
        """The directories at or below any of `places` that are here only in part."""
        if not self._repo.partial:
            return []
        folders = [os.fsencode(place) for place in places]
        return [one for one in sorted(self._repo.partial) if any(is_at_or_below(one, folder) for folder in folders)]

    def _place(self, address: Address, path: str) -> str:
        return place_of(address.folder, path, self._graph.stages[address].mark)

    def _places(self, address: Address) -> list[str]:
        return [self._place(address, one.path) for one in self._graph.stages[address].outs]


def _is_repeatable(stage: Stage) -> bool:
    """Can what came of it be put back instead of running it? A stage without outputs is run for something else, and of
    one without inputs nobody knows what it depends on."""
    return bool(stage.outs) and bool(stage.deps or stage.params or stage.env) and not stage.always_changed


def _refuse_missing_deps(address: Address, inputs: Inputs) -> None:
    missing = [path for path, item in inputs.deps.items() if item is None]
    if missing:
        raise StageError(
            f"stage {str(address)!r} needs {some(missing)}, and it is not there",
            why="no stage makes it, and it is not in the workspace",
            fix="get it (dver pull, git checkout), or take it out of `deps`",
        )
