"""`dver status`: compare HEAD, index, pointers and data without a network, and find stages that are out of date."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dver.core.display import Displayed
from dver.core.errors import ConflictError, CorruptError, UsageError
from dver.core.progress import SILENT, Progress
from dver.formats.pointer import Pointer, decode_undownloaded
from dver.git import pointers, revisions
from dver.git.pointers import PointerChange as GitChange
from dver.git.pointers import PointerFile, is_lock_path
from dver.pipelines import FILE_NAME
from dver.repo import Repository
from dver.repo.workspace_state import WorkspaceState
from dver.tracking.lock_outputs import Maker
from dver.tracking.targets import SUFFIX, TrackedData, data_path_of, decode_files, is_at_or_below, resolve_data_path
from dver.workspace.state.data_state import DataState

if TYPE_CHECKING:
    from dver.core.errors import DverError
    from dver.formats.tree import Entry
    from dver.pipelines.engine.graph import Address
    from dver.pipelines.engine.plan import StagePlan
    from dver.pipelines.workspace.status import ProjectStages
    from dver.store.trees.compare import TreeChange
    from dver.tracking.availability import Availability, RemoteQuery
    from dver.workspace.changes.data_changes import DataChanges

_STAGES: Final = os.fsencode(FILE_NAME)


class PointerState(Enum):
    """How a pointer differs between two versions."""

    NEW = "new"
    MODIFIED = "modified"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, repr=False)
class PathStatus(Displayed):
    """The status of one tracked path, relative to the top of the Git worktree."""

    path: bytes
    staged: PointerState | None
    """The index against HEAD: changes in the next commit."""
    unstaged: PointerState | None
    """The pointer on disk against the index: changes that `git add` would stage."""
    data: DataState
    """The data against the pointer on disk: changes that `dver add` would record."""
    changes: tuple[TreeChange, ...] | None
    """The changed files of edited data, with paths like `path`; None if the recorded version cannot be read here."""
    pointer: Pointer | None
    """The pointer on disk, or else in the index or HEAD."""
    in_store: bool
    """Whether the store has all objects of the pointer."""
    on_remote: bool | None
    """Whether the remote has all of them; None without a remote, or where only the remote knows."""
    partial: bool = False
    """Whether only a part of a directory is checked out."""
    stage: str | None = None
    """For an output: its stage, as users name it."""
    lock: bytes | None = None
    """For an output: the lock file that records it."""

    @property
    def is_clean(self) -> bool:
        """Whether HEAD, index, pointer and data agree."""
        return self.staged is None and self.unstaged is None and self.data is DataState.UNCHANGED


@dataclass(frozen=True, slots=True, repr=False)
class StatusReport(Displayed):
    """The status of tracked paths and stages."""

    paths: tuple[PathStatus, ...]
    conflicts: tuple[bytes, ...]
    """Pointers and lock files in an unfinished merge."""
    stages: tuple[StagePlan, ...] = ()
    """The stages that are out of date, in order, for other reasons than missing recorded data."""
    problems: tuple[DverError, ...] = ()
    """Errors of stages, and outputs that a running stage is writing."""

    not_checked: tuple[str, ...] = ()
    """Dependencies of stages outside of the repository, which are not asked for changes."""
    not_downloaded: tuple[bytes, ...] = ()
    """Imports whose data was never downloaded, relative to the top of the Git worktree."""
    foreign_links: tuple[bytes, ...] = ()
    """Links into a store other than the current one, as after the clone moved. They may be broken."""

    @property
    def is_clean(self) -> bool:
        """Whether no path changed and `repro` has nothing to run."""
        return not self.conflicts and all(path.is_clean for path in self.paths) and self.is_reproduced

    @property
    def is_reproduced(self) -> bool:
        """Whether `repro` has nothing to run. It skips frozen stages."""
        return not self.problems and all(one.is_frozen for one in self.stages)


def status(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    asked: RemoteQuery | None = None,
    progress: Progress = SILENT,
) -> StatusReport:
    """The status of tracked data and stages, or of those at or below `paths`, which may name stages, too.

    No network is used, unless remotes are `asked`; then it raises RemoteError.
    """
    scan = pointers.scan_pointers(repo.git, repo.layout.prefix, also=_STAGES)
    conflicts = tuple(sorted(path for path, file in scan.index.items() if file.sides))
    disk = decode_files(repo, {path: file for path, file in scan.worktree.items() if path not in conflicts})
    undownloaded = {path for path, file in scan.worktree.items() if decode_undownloaded(file.content or b"")}
    changed = pointers.changed_against_head(repo.git, revisions.head(repo.git), repo.layout.prefix)
    # Files outside of a sparse checkout are not deleted.
    present = {path: file for path, file in scan.index.items() if path in scan.worktree or not file.left_out}
    skipped = {*conflicts, *undownloaded}
    index = {path: file.blob for path, file in present.items() if path not in skipped}
    staged = {path: change for path, change in changed.items() if path not in skipped}
    versions = _collect_versions(repo, disk, index, staged, frozenset(map(data_path_of, undownloaded)))
    project_stages = None
    if scan.others:
        from dver.pipelines.workspace.status import ProjectStages  # slow to import, and only needed for stages

        project_stages = ProjectStages(repo)
    wanted, stages = _select(repo, versions, project_stages, paths, cwd)
    waiting = _not_downloaded(repo, versions, paths, cwd)
    known: dict[bytes, Entry | None] = {}
    problems: list[DverError] = []
    found = _path_statuses(repo, wanted, versions, known, problems, asked, progress) if wanted else ()
    links = tuple(sorted(repo.workspace.foreign_links))
    if project_stages is None:
        return StatusReport(found, conflicts, (), tuple(problems), (), waiting, links)
    absent = {path for path in versions.disk if not repo.layout.exists(path)}
    evaluated = project_stages.status(stages if paths else None, known, absent, progress)
    return StatusReport(
        found, conflicts, evaluated.steps, (*problems, *evaluated.problems), evaluated.not_checked, waiting, links
    )


@dataclass(frozen=True, slots=True)
class _Versions:
    """The versions of each data path on disk, in the index and in HEAD: blobs of pointers, or lock items of outputs."""

    disk: Mapping[bytes, TrackedData]
    index: Mapping[bytes, str]
    staged: Mapping[bytes, GitChange]
    makers: Mapping[bytes, Maker]
    """The stages of outputs in any of the versions."""
    undownloaded: frozenset[bytes]
    """Imports that were never downloaded; the other versions do not have them."""

    def all(self) -> list[bytes]:
        return sorted(self.known())

    def known(self) -> set[bytes]:
        return {*self.disk, *self.index, *self.staged}


def _collect_versions(
    repo: Repository,
    disk: Mapping[bytes, TrackedData],
    index: Mapping[bytes, str],
    staged: Mapping[bytes, GitChange],
    undownloaded: frozenset[bytes],
) -> _Versions:
    """Collect the versions by data path; `index` and `staged` are by path of the pointer or lock."""
    locks = sorted({path for path in (*index, *staged) if is_lock_path(path)})
    blobs = {data_path_of(path): blob for path, blob in index.items() if not is_lock_path(path)}
    changes = {data_path_of(path): change for path, change in staged.items() if not is_lock_path(path)}
    made = {path: one for path, one in disk.items() if one.maker is not None}
    for lock in locks:
        now = _outputs(repo, made, lock, index.get(lock))
        before = _outputs(repo, made, lock, staged[lock].old) if lock in staged else now
        blobs.update({path: _version(one) for path, one in now.items()})
        changes.update(_changes(before, now))
        made = {**before, **now, **made}
    makers = {path: one.maker for path, one in made.items() if one.maker is not None}
    return _Versions(disk, blobs, changes, makers, undownloaded)


def _outputs(
    repo: Repository, made: Mapping[bytes, TrackedData], lock: bytes, blob: str | None
) -> dict[bytes, TrackedData]:
    """The outputs in the version `blob` of a lock file, if it can be read. `made` are those that are known."""
    if blob is None:
        return {}
    known = {path: one for path, one in made.items() if one.maker and one.maker.lock == lock and one.blob == blob}
    with suppress(CorruptError, ConflictError):
        return known or decode_files(repo, {lock: PointerFile(blob)})
    return {}


def _changes(
    before: Mapping[bytes, TrackedData], now: Mapping[bytes, TrackedData]
) -> Iterator[tuple[bytes, GitChange]]:
    for path in {**before, **now}:
        old, new = (_version(side[path]) if path in side else None for side in (before, now))
        if old != new:
            yield path, GitChange(old, new)


def _version(one: TrackedData) -> str:
    """A text that differs where a pointer or the lock item of an output does."""
    return one.blob if one.maker is None else repr(one.pointer)


def _select(
    repo: Repository, versions: _Versions, project_stages: ProjectStages | None, texts: Sequence[str], cwd: Path
) -> tuple[list[bytes], list[Address]]:
    """The tracked paths and stages that `texts` name; all paths without any."""
    if not texts:
        return versions.all(), []
    chosen: list[bytes] = []
    stages: list[Address] = []
    for text in texts:
        path = resolve_data_path(repo, text, cwd)
        path = path.removesuffix(SUFFIX) or path
        tracked = _tracked_at(versions, path)
        around = project_stages.at_path(path) if project_stages is not None else []
        if project_stages is not None and not (tracked or around):
            with suppress(UsageError):
                around = project_stages.named(text, cwd)
                outputs = [one for address in around for one in project_stages.output_paths(address)]
                tracked = [one for one in outputs if one in versions.known()]
        if not (tracked or around or any(_overlap(path, one) for one in versions.undownloaded)):
            raise _unknown(text, is_stage_possible=project_stages is not None)
        chosen += tracked
        stages += around
    return list(dict.fromkeys(chosen)), stages


def _tracked_at(versions: _Versions, path: bytes) -> list[bytes]:
    """The tracked paths at, in or around `path`, or those in the lock file `path`."""
    if is_lock_path(path):
        return [one for one in versions.all() if one in versions.makers and versions.makers[one].lock == path]
    return [one for one in versions.all() if _overlap(one, path)]


def _overlap(one: bytes, other: bytes) -> bool:
    return is_at_or_below(one, other) or is_at_or_below(other, one)


def _not_downloaded(repo: Repository, versions: _Versions, texts: Sequence[str], cwd: Path) -> tuple[bytes, ...]:
    """The imports that were never downloaded among `texts`; all without any."""
    chosen = [resolve_data_path(repo, text, cwd).removesuffix(SUFFIX) for text in texts]
    return tuple(
        one for one in sorted(versions.undownloaded) if not texts or any(_overlap(one, path) for path in chosen)
    )


def _unknown(text: str, *, is_stage_possible: bool) -> UsageError:
    if is_stage_possible:
        return UsageError(
            f"{text!r} is neither tracked nor a stage",
            fix="`dver ls` lists tracked data, `dver stage list` lists stages",
        )
    return UsageError(f"{text!r} is not tracked", fix="`dver ls` lists tracked data")


def _path_statuses(
    repo: Repository,
    wanted: Sequence[bytes],
    versions: _Versions,
    known: dict[bytes, Entry | None],
    problems: list[DverError],
    asked: RemoteQuery | None,
    progress: Progress,
) -> tuple[PathStatus, ...]:
    """The status of each path in `wanted`. Adds entries to `known`, and outputs being written to `problems`."""
    # Slow to import, and only needed for tracked data.
    from dver.tracking.availability import availability_of
    from dver.workspace.changes.data_changes import DataChanges, compare_with_pointer, unchanged_files

    recorded = {path: versions.disk[path].pointer for path in wanted if path in versions.disk}
    unchanged = unchanged_files(repo, recorded, progress)
    placed = repo.state.placed

    def compare(path: bytes, pointer: Pointer) -> DataChanges:
        if path in unchanged:
            found = DataChanges(unchanged[path], DataState.UNCHANGED)
        else:
            found = compare_with_pointer(repo, path, pointer, placed, progress)
        # Stages are evaluated as if out-of-date data were checked out.
        known[path] = pointer.entry(path) if found.state is DataState.OUT_OF_DATE else found.found
        return found

    available = availability_of(repo, list(recorded.values()), asked)
    states = []
    for path in wanted:
        try:
            found = compare(path, recorded[path]) if path in recorded else None
        except ConflictError as error:
            if path not in versions.makers:
                raise
            problems.append(error)  # its stage is running
            continue
        state = _path_status(repo, path, versions, available, found)
        states.append(state if found is not None and found.is_complete else _with_partial(repo.state, state))
    return tuple(states)


def _with_partial(state: WorkspaceState, one: PathStatus) -> PathStatus:
    from dver.tracking.partial_directories import is_partial

    if one.pointer is None or one.data is DataState.ABSENT:
        return one
    return replace(one, partial=is_partial(state, one.path, one.pointer.entry(one.path)))


def _path_status(
    repo: Repository, path: bytes, versions: _Versions, presence: Availability, found: DataChanges | None
) -> PathStatus:
    disk, index, change = versions.disk.get(path), versions.index.get(path), versions.staged.get(path)
    staged = _pointer_state(change.old, change.new) if change else None
    unstaged = _pointer_state(index, _version(disk) if disk else None)
    maker = versions.makers.get(path)
    stage, lock = (maker.shown(repo), maker.lock) if maker is not None else (None, None)
    if disk is None or found is None:
        return PathStatus(path, staged, unstaged, DataState.UNCHANGED, (), None, True, None, stage=stage, lock=lock)
    return PathStatus(
        path,
        staged,
        unstaged,
        found.state,
        found.changes,
        disk.pointer,
        in_store=disk.pointer.oid in presence.in_store,
        on_remote=presence.on_remote(disk.pointer),
        stage=stage,
        lock=lock,
    )


def _pointer_state(old: str | None, new: str | None) -> PointerState | None:
    if old == new:
        return None
    if old is None:
        return PointerState.NEW
    return PointerState.DELETED if new is None else PointerState.MODIFIED
