"""The pre-commit hook: refuses inconsistent commits and reports data with changes that are not added."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from dver.core.progress import SILENT, Progress
from dver.git.index import tracked_under
from dver.git.pointers import in_index, is_lock_path, is_pointer_path
from dver.git.staged import Staged, also_in_real_index, contents_of
from dver.gitflow.commit.data_checks import check_problems
from dver.gitflow.commit.lock_checks import (
    OutdatedStage,
    lock_problems,
    outdated_stages,
    outputs_of,
    overlaps,
    read_locks,
)
from dver.gitflow.commit.pointer_checks import (
    CommitProblem,
    pointers_without_data,
    read_staged,
    too_large,
    tracked_twice,
)
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.tracking.availability import availability_of
from dver.tracking.targets import SUFFIX, Target, data_path_of, decode_files, tracked_in_worktree
from dver.workspace.changes.moved_data import record_moved
from dver.workspace.changes.quick_check import ChangedData, changed_data
from dver.workspace.state.data_state import DataState


@dataclass(frozen=True, slots=True)
class OutOfDate:
    """Data that did not follow its pointer or lock. `path` is relative to the top of the Git worktree."""

    path: bytes
    in_store: bool
    """Whether the store has the pointer's data, so that a checkout is enough."""


@dataclass(frozen=True, slots=True)
class PreCommitResult:
    """The findings. Paths are relative to the top of the Git worktree."""

    problems: tuple[CommitProblem, ...]
    """The reasons to refuse the commit."""
    changed: tuple[bytes, ...] = ()
    """Data with changes that were not added."""
    out_of_date: tuple[OutOfDate, ...] = ()
    """Data and outputs whose pointer or lock moved since dver placed them."""
    diverged: tuple[bytes, ...] = ()
    """Data and outputs that were edited and whose pointer or lock moved."""
    added: tuple[bytes, ...] = ()
    """Data that the hook added to the commit."""
    remade: tuple[tuple[bytes, str], ...] = ()
    """Outputs that differ from their lock, and their stages."""
    outdated_stages: tuple[OutdatedStage, ...] = ()
    """Stages recorded with another version of a dependency than the committed one."""


def pre_commit(repo: Repository, staged: Staged, *, progress: Progress = SILENT) -> PreCommitResult:
    """Check the `staged` files of this project; with `hooks.pre_commit = add`, add changed data.

    Other changed data is reported as far as a short scan finds it: see `dver.workspace.changes.quick_check`.
    """
    problems, behind = _problems(repo, staged)
    if problems:
        return PreCommitResult(tuple(sorted(problems)))
    found = changed_data(repo, thorough=repo.config.adds_at_commit)
    edited = [one for one in found if one.state is DataState.MODIFIED]
    own = tuple(one.path for one in edited if one.maker is None)
    to_add = _addable(repo.layout, own) if own and repo.config.adds_at_commit else ()
    added = _add(repo, to_add, progress) if to_add else ()
    if isinstance(added, CommitProblem):
        return PreCommitResult((added,))
    return PreCommitResult(
        problems=(),
        changed=tuple(path for path in own if path not in to_add),
        out_of_date=_out_of_date(repo, [one for one in found if one.state is DataState.OUT_OF_DATE]),
        diverged=tuple(one.path for one in found if one.state is DataState.DIVERGED),
        added=added,
        remade=tuple((one.path, one.maker.shown(repo)) for one in edited if one.maker is not None),
        outdated_stages=behind,
    )


def _out_of_date(repo: Repository, found: Sequence[ChangedData]) -> tuple[OutOfDate, ...]:
    if not found:
        return ()
    in_store = availability_of(repo, [one.pointer for one in found]).in_store
    return tuple(OutOfDate(one.path, one.pointer.oid in in_store) for one in found)


def _addable(layout: Layout, paths: Sequence[bytes]) -> tuple[bytes, ...]:
    from dver.tracking.trackable import is_user_link  # slow to import

    return tuple(path for path in paths if not is_user_link(layout, path))


def _problems(repo: Repository, staged: Staged) -> tuple[list[CommitProblem], tuple[OutdatedStage, ...]]:
    """The reasons to refuse the commit, and the stages that have to run again."""
    files = staged.files
    if not files:
        return [], ()
    pointers = {path: file for path, file in files.items() if is_pointer_path(path)}
    locks, broken = read_locks(repo, [file for path, file in files.items() if is_lock_path(path)])
    others = [file for path, file in files.items() if path not in pointers]
    contents = contents_of(repo.git, pointers.values()) if pointers else {}
    tracked, problems = read_staged(repo, pointers.values(), contents)
    if tracked:
        record_moved(repo, tracked)
    problems += [*broken, *pointers_without_data(repo, tracked, pointers)]
    problems += too_large(repo, others)
    outputs = {one.path: one for lock in locks for one in lock.outputs}
    in_git = [file.path for file in others]
    if tracked or outputs:
        in_git += tracked_under(repo.git, *tracked, *outputs)
    index = in_index(repo.git, repo.layout.prefix)
    # Unreadable staged files were reported already.
    beside = {path: one for path, one in index.items() if path not in files}
    made = outputs_of(repo, beside)
    makers = {path: one.maker for path, one in (made | outputs).items()}
    problems += tracked_twice(
        repo, {**dict.fromkeys(map(data_path_of, filter(is_pointer_path, index))), **makers}, in_git
    )
    problems += overlaps(repo, tracked.values(), made)
    if not problems:
        problems += check_problems(repo, tracked, locks)
    if not locks:
        return problems, ()
    everything = (
        decode_files(repo, {path: one for path, one in beside.items() if is_pointer_path(path)}) | made | tracked
    )
    problems += lock_problems(repo, locks, everything)
    return problems, tuple(outdated_stages(repo, locks, everything))


def _add(repo: Repository, paths: Sequence[bytes], progress: Progress) -> tuple[bytes, ...] | CommitProblem:
    """Add the data at `paths` and stage its pointers for this commit, unless it fails critical checks."""
    # These imports are slow, and most commits add nothing.
    from dver.gates.errors import FailedChecksError, failed
    from dver.workspace.add import AddRequest
    from dver.workspace.checked_add import AddOptions, check_and_record
    from dver.workspace.scan.hash_or_store import storing_pool

    with repo.exclusive(), storing_pool(repo.store_dir, repo.layout.database_file, repo.sharing) as pool:
        tracked = tracked_in_worktree(repo)
        requests = [AddRequest(path, Target(tracked[path])) for path in paths if path in tracked]
        try:
            added = check_and_record(repo, tracked, requests, pool, AddOptions(update=True), progress=progress).added
        except FailedChecksError as error:
            return CommitProblem(os.fsencode(failed(error.checked)[0].path), error.what, error.why, error.fix)
    written = [name for one in added for name in (one.path + SUFFIX, _ignore_file(one.path))]
    also_in_real_index(repo.git, sorted(set(written)))
    return tuple(one.path for one in added)


def _ignore_file(path: bytes) -> bytes:
    return os.path.join(os.path.dirname(path), b".gitignore")
