"""`dver resolve`: resolve merge conflicts in tracked data, as a whole or file by file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dver.core.display import Displayed
from dver.core.errors import ConflictError, CorruptError, DverError, MissingObjectError, UsageError
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry
from dver.git.index import put_unmerged, unmerged
from dver.git.pointers import on_disk
from dver.gitflow.merge.decisions import (
    MergeDecisions,
    UnmergedPointer,
    forget_decisions,
    interrupted_paths,
    read_decisions,
    remaining_work,
    unmerged_pointers,
    write_decisions,
)
from dver.gitflow.merge.locks import UnmergedLock, merge_lock, unmerged_locks, write_lock
from dver.gitflow.merge.pointers import MergedPointer, full_path, merge_versions, whole_side
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.sharing.prefetch import is_left_out, prefetch
from dver.store.trash.guard import GcGuard
from dver.store.trees.merge import MergeChoice, TreeConflict, union_names
from dver.tracking.pointer_files import write_pointers
from dver.tracking.targets import SUFFIX, data_named_by, data_path_of, decode_pointer, is_at_or_below, resolve_data_path
from dver.workspace.checkout.incremental import plan_update, update
from dver.workspace.checkout.restore import CheckoutSummary, CheckoutTarget, joined, plan_restore, restore
from dver.workspace.files.checkout_plan import CheckoutPlan


@dataclass(frozen=True, slots=True)
class OpenLock:
    """A lock file in conflict, and its conflicting stages; empty if one side deleted the file."""

    path: bytes
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class ResolveResult(Displayed):
    """The result for the requested conflicts."""

    open: tuple[TreeConflict, ...] = ()
    """Conflicts; paths are relative to the top of the Git worktree."""
    keys: tuple[tuple[bytes, str], ...] = ()
    """Data paths, and the keys of their pointers in conflict."""
    resolved: tuple[bytes, ...] = ()
    """Data whose pointer was written and staged."""
    left_out: tuple[bytes, ...] = ()
    """Resolved data that is not in the workspace and was not downloaded."""
    written: tuple[bytes, ...] = ()
    """Files with one side's version, for inspection."""
    restored: CheckoutSummary | None = None
    """The checkout of resolved data."""
    whole: tuple[bytes, ...] = ()
    """Data where one side replaced the other as a whole, because directories for a merge are missing."""
    locks: tuple[OpenLock, ...] = ()
    resolved_locks: tuple[bytes, ...] = ()
    """Lock files that were written and staged."""


def resolve(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    choice: MergeChoice | None = None,
    both: bool = False,
    progress: Progress = SILENT,
) -> ResolveResult:
    """Decide the conflicts at `paths`, or all of them, by `choice`; without one, list them.

    A path may be tracked data, its pointer, a path inside of it, a directory, or a lock file. Decisions are recorded
    until all conflicts of a pointer are decided; then the pointer is written and staged, and the data checked out. A
    pointer without remaining conflicts needs no choice. `both` only writes both versions into the workspace. In a lock
    file, ours or theirs decides the conflicting stages. Raises UsageError for a path without a conflict.
    """
    with repo.exclusive():
        session = _Session(repo, choice, both, progress)
        conflicted = unmerged_pointers(repo)
        ended = session.finish_interrupted(conflicted)
        found, locks = _chosen(repo, conflicted, unmerged_locks(repo), ended.resolved, paths, cwd)
        twofold = both or choice is MergeChoice.UNION
        if twofold:
            _refuse_named_locks(repo, locks, paths, cwd)
        results = [ended]
        results += [session.resolve_pointer(one, inside) for one, inside in found]
        results += [session.resolve_lock(one, None if twofold else choice) for one in locks]
    restored = [result.restored for result in results if result.restored is not None]
    return ResolveResult(
        open=tuple(one for result in results for one in result.open),
        keys=tuple(one for result in results for one in result.keys),
        resolved=tuple(one for result in results for one in result.resolved),
        left_out=tuple(one for result in results for one in result.left_out),
        written=tuple(one for result in results for one in result.written),
        restored=joined(restored) if restored else None,
        whole=tuple(one for result in results for one in result.whole),
        locks=tuple(one for result in results for one in result.locks),
        resolved_locks=tuple(one for result in results for one in result.resolved_locks),
    )


def _chosen(
    repo: Repository,
    conflicted: Sequence[UnmergedPointer],
    locks: Sequence[UnmergedLock],
    ended: Sequence[bytes],
    paths: Sequence[str],
    cwd: Path,
) -> tuple[list[tuple[UnmergedPointer, bytes]], list[UnmergedLock]]:
    """The requested conflicts: data with the path inside of it (empty for all of it), and lock files."""
    if not paths:
        return [(one, b"") for one in conflicted], list(locks)
    found: dict[tuple[bytes, bytes], tuple[UnmergedPointer, bytes]] = {}
    found_locks: dict[bytes, UnmergedLock] = {}
    for text in paths:
        path = resolve_data_path(repo, text, cwd)
        meant = {one.path: one for one in locks if is_at_or_below(one.path, path)}
        found_locks.update(meant)
        for name in (path, path.removesuffix(SUFFIX)):
            matching = [(one, name[len(one.path) + 1 :]) for one in conflicted if is_at_or_below(name, one.path)]
            matching += [(one, b"") for one in conflicted if is_at_or_below(one.path, name) and one.path != name]
            found.update({(one.path, inside): (one, inside) for one, inside in matching})
            if matching:
                break
        else:
            if not meant and not any(is_at_or_below(path.removesuffix(SUFFIX), one) for one in ended):
                raise _nothing_at(repo.layout, text, [*(one.path for one in conflicted), *(one.path for one in locks)])
    return list(found.values()), list(found_locks.values())


def _nothing_at(layout: Layout, text: str, conflicted: Sequence[bytes]) -> UsageError:
    listed = ", ".join(layout.shown(one) for one in conflicted)
    why = f"in conflict: {listed}" if listed else "no pointer is in conflict"
    return UsageError(f"nothing is in conflict at {text!r}", why=why, fix="`dver resolve` lists all conflicts")


def _refuse_named_locks(repo: Repository, locks: Sequence[UnmergedLock], paths: Sequence[str], cwd: Path) -> None:
    named = {resolve_data_path(repo, text, cwd) for text in paths}
    for one in locks:
        if one.path in named:
            shown = repo.layout.shown(one.path)
            raise UsageError(
                f"both versions of {shown!r} cannot be kept",
                why="each version records one run of its stage",
                fix=f"dver resolve {quoted(shown)} --ours or --theirs; or run `dver repro`",
            )


@dataclass(frozen=True, slots=True)
class _Session:
    """One run of the command."""

    repo: Repository
    choice: MergeChoice | None
    both: bool
    progress: Progress

    def resolve_pointer(self, conflicted: UnmergedPointer, inside: bytes) -> ResolveResult:
        """Resolve one pointer."""
        guard = GcGuard(self.repo.store)
        decisions = read_decisions(self.repo.layout, conflicted)
        try:
            undecided = merge_versions(self.repo, conflicted.sides)
        except MissingObjectError:
            if inside or self.choice not in (MergeChoice.OURS, MergeChoice.THEIRS):
                raise
            whole = whole_side(conflicted.sides, self.choice)
            return replace(self.finish(conflicted, whole, decisions, guard), whole=(conflicted.path,))
        meant = [one for one in undecided.data.conflicts if is_at_or_below(one.path, inside)]
        if inside and not meant:
            raise UsageError(
                f"{self.repo.layout.shown(full_path(conflicted.path, inside))!r} is not in conflict",
                why="the data is in conflict as a whole"
                if any(not one.path for one in undecided.data.conflicts)
                else "both sides have the same, or only one of them changed it",
                fix=f"`dver resolve {quoted(self.repo.layout.shown(conflicted.path))}` lists the conflicts",
            )
        if self.both:
            return self.write_both(conflicted, meant, decisions)
        if self.choice is not None:
            decisions.files.update({one.path: self.choice for one in meant})
            decisions.keys = decisions.keys or (None if inside else self.choice)
        merged = merge_versions(
            self.repo, conflicted.sides, choose=lambda one: decisions.files.get(one.path), prefer=decisions.keys
        )
        if not merged.clean:
            write_decisions(self.repo.layout, conflicted, decisions)
            keys = tuple((conflicted.path, key) for key in merged.keys)
            return ResolveResult(open=_with_full_paths(conflicted, merged.data.conflicts), keys=keys)
        return self.finish(conflicted, merged, decisions, guard)

    def check_out(self, entries: Mapping[bytes, Entry | None], written: Sequence[bytes]) -> CheckoutSummary:
        """Check out resolved data, and delete the files `written` for inspection."""
        if written:
            restore(self.repo, [CheckoutTarget(one, None) for one in written], progress=self.progress)
        targets, parts = self.targets(entries)
        done = restore(self.repo, targets, progress=self.progress)
        return joined([done, update(self.repo, parts, progress=self.progress)]) if parts else done

    def targets(self, entries: Mapping[bytes, Entry | None]) -> tuple[list[CheckoutTarget], list[CheckoutTarget]]:
        """The checkout targets at these paths: all data, and partial directories."""
        targets = [CheckoutTarget(at, one) for at, one in entries.items()]
        parts = [target for target in targets if target.path in self.repo.state.partial]
        return [target for target in targets if target not in parts], parts

    def fetch_fix(self, path: bytes) -> str:
        """The fix if the data of `path` cannot be downloaded."""
        option = "--both" if self.both else f"--{self.choice.value}" if self.choice is not None else ""
        command = f"dver resolve {quoted(self.repo.layout.shown(path))} {option}".rstrip()
        return f"once the remote has them (`dver push` in the clone that added them): {command}"

    def download(self, like: Sequence[Pointer], entries: Mapping[bytes, Entry | None], fix: str) -> None:
        """Download the objects that the checkout needs. Raises MissingObjectError before any change."""
        targets, parts = self.targets(entries)
        repo, progress = self.repo, self.progress

        def plan() -> list[CheckoutPlan]:
            whole = plan_restore(repo, targets, repo.state.placed, progress=progress)
            return [*whole, *plan_update(repo, parts, progress=progress)]

        try:
            prefetch(repo, plan, [one.remote for one in like], progress=progress)
        except MissingObjectError as error:
            raise MissingObjectError(f"nothing was resolved: {error.what}", why=error.why, fix=fix) from error

    def finish_interrupted(self, conflicted: Sequence[UnmergedPointer]) -> ResolveResult:
        """Check out the data of pointers that an interrupted run staged."""
        resolved, restored = [], []
        for path in interrupted_paths(self.repo.layout, conflicted):
            ending, written = remaining_work(self.repo.layout, path)
            entries: dict[bytes, Entry | None] = dict.fromkeys(ending)
            for name, file in on_disk(self.repo.git, (), [one + SUFFIX for one in ending]).items():
                at = data_path_of(name)
                entries.pop(at)  # data of an unreadable pointer stays as it is
                with suppress(ConflictError, CorruptError):
                    entries[at] = decode_pointer(self.repo, name, file.content or b"").entry(at)
            restored.append(self.check_out(entries, written))
            forget_decisions(self.repo.layout, path)
            resolved.append(path)
        return ResolveResult(resolved=tuple(resolved), restored=joined(restored) if restored else None)

    def resolve_lock(self, one: UnmergedLock, choice: MergeChoice | None) -> ResolveResult:
        """Resolve one lock file."""
        merged = merge_lock(self.repo.layout, one, choice)
        if not merged.clean:
            return ResolveResult(locks=(OpenLock(one.path, merged.stages),))
        outputs = data_named_by(self.repo, one.path, "", merged.content) if merged.content is not None else []
        wanted = [made for made in outputs if not is_left_out(self.repo, made.path, {made.path: made.entry})]
        entries: dict[bytes, Entry | None] = {made.path: made.entry for made in wanted}
        self.download([made.pointer for made in wanted], entries, "`dver repro` makes them, and ends the conflict")
        write_lock(self.repo, one.path, merged.content)
        restored = self.check_out(entries, ()) if entries else None
        return ResolveResult(resolved_locks=(one.path,), restored=restored)

    def write_both(
        self, conflicted: UnmergedPointer, meant: Sequence[TreeConflict], decisions: MergeDecisions
    ) -> ResolveResult:
        """Write both versions of conflicting files beside each other."""
        entries = {}
        for one in meant:
            for entry, side in ((one.ours, b".ours"), (one.theirs, b".theirs")):
                path = full_path(conflicted.path, one.path) + side
                if entry is not None:
                    entries[path] = entry._replace(name=os.path.basename(path))
        self.download(conflicted.sides.pointers, entries, self.fetch_fix(conflicted.path))
        restored = restore(self.repo, [CheckoutTarget(*one) for one in entries.items()], progress=self.progress)
        not_written = {*(one.path for one in restored.kept), *(one.path for one in restored.lost)}
        written = tuple(path for path in entries if path not in not_written)
        decisions.written = sorted({*decisions.written, *written})
        write_decisions(self.repo.layout, conflicted, decisions)
        return ResolveResult(open=_with_full_paths(conflicted, meant), written=written, restored=restored)

    def finish(
        self, conflicted: UnmergedPointer, merged: MergedPointer, decisions: MergeDecisions, guard: GcGuard
    ) -> ResolveResult:
        """Write and stage the pointer, and check out the data."""
        path, repo = conflicted.path, self.repo
        _refuse_conflicted_ignore_file(repo, path)
        wanted: dict[bytes, Pointer | bytes | None] = {path: merged.content}
        entries: dict[bytes, Entry | None] = {path: merged.data.entry}
        if decisions.files.get(b"") is MergeChoice.UNION and all(conflicted.sides.entries[1:]):
            entries = _union(repo, conflicted)
            wanted = {at: Pointer.of(one) if one is not None else None for at, one in entries.items()}
        written = tuple(at for at, one in wanted.items() if one is not None)
        left_out = is_left_out(repo, path, entries)
        if not left_out:
            self.download(conflicted.sides.pointers, entries, self.fetch_fix(path))
        # Once the pointer is staged, Git has no conflict any more. After a kill, the next run needs this record.
        decisions.ending = [] if left_out else list(entries)
        write_decisions(repo.layout, conflicted, decisions)
        try:
            write_pointers(repo, wanted, guard)
        except BaseException:
            with suppress(DverError):  # the original error says more
                put_unmerged(repo.git, path + SUFFIX, conflicted.blobs)
            raise
        restored = None if left_out else self.check_out(entries, decisions.written)
        write_decisions(repo.layout, conflicted, None)
        return ResolveResult(resolved=written, left_out=written if left_out else (), restored=restored)


def _with_full_paths(conflicted: UnmergedPointer, conflicts: Iterable[TreeConflict]) -> tuple[TreeConflict, ...]:
    return tuple(replace(one, path=full_path(conflicted.path, one.path)) for one in conflicts)


def _union(repo: Repository, conflicted: UnmergedPointer) -> dict[bytes, Entry | None]:
    """Both versions of data in conflict as a whole, under names of their own."""
    folder, name = os.path.split(conflicted.path)
    places = [os.path.join(folder, one) for one in union_names(name, _names_in_use(repo, folder))]
    sides = (conflicted.sides.ours, conflicted.sides.theirs)
    both = {place: side[1].entry(place) for place, side in zip(places, sides, strict=True) if side is not None}
    return {conflicted.path: None, **both}


def _names_in_use(repo: Repository, folder: bytes) -> set[bytes]:
    """The names in use in `folder`: tracked data, present or not, and files of the user."""
    placed = repo.state.placed
    names = os.listdir(repo.layout.absolute(folder))
    pointers = {name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)}
    # Data that dver placed and no pointer names may be removed: in a rebase, data follows only at the end.
    return pointers | {name for name in names if os.path.join(folder, name) not in placed}


def _refuse_conflicted_ignore_file(repo: Repository, path: bytes) -> None:
    # The data's line goes into this file. Staging it would end its conflict with the markers still in it.
    name = os.path.join(os.path.dirname(path), b".gitignore")
    if unmerged(repo.git, name):
        shown = repo.layout.shown(name)
        raise ConflictError(
            f"{shown!r} is in conflict itself",
            why="the data's line in it is staged together with the pointer",
            fix=f"keep the lines of both sides in it, then `git add {quoted(shown)}`, then the same command again",
        )
