"""The first step: tracked data gets a new version, by copies of new files, an import's source, or edits."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from dver.core.phrasing import join_limited
from dver.core.progress import Progress
from dver.gates.errors import FailedChecksError
from dver.git import gitignore, index
from dver.git.registry.references import read_artifact
from dver.models.artifact_content import CommitContents
from dver.ops.share.pull import pull
from dver.ops.share.update import update
from dver.ops.track.add import add
from dver.pipelines.definition.retraining import NewDataSource
from dver.repo import Repository
from dver.retraining.collect import FileCopy, copy_files, plan_copies
from dver.retraining.definitions import FoundRetraining
from dver.sources.imports import imports_in_worktree


def bring_new_data(repo: Repository, found: FoundRetraining, progress: Progress, *, download: bool) -> tuple[str, ...]:
    """Bring the data of the definition up to date. Returns the paths that differ from those of the latest version.

    With `download`, data that is not in the workspace is pulled first. Copies are planned for all data before the first
    is made; where data is refused, its copies are deleted again. Raises the errors of `add`, such as for failed checks,
    and of `update`.
    """
    if download and found.definition.data:
        paths = [os.fspath(_absolute(repo, found, one.path)) for one in found.definition.data]
        pull(repo, paths, cwd=repo.root, progress=progress)
    copies = [_planned_copies(repo, found, one) for one in found.definition.data]
    imports = {os.fsdecode(one) for one in imports_in_worktree(repo)}
    for one, planned in zip(found.definition.data, copies, strict=True):
        path = os.fspath(_absolute(repo, found, one.path))
        if found.path(one.path) in imports and one.collected_from is None:
            update(repo, [path], cwd=repo.root, progress=progress)
        else:
            _add_with_copies(repo, path, planned, progress)
    is_new = _differs_from_latest(repo, found.artifact)
    return tuple(path for one in found.definition.data if is_new(path := found.path(one.path)))


def ignore_collected(repo: Repository, found: FoundRetraining) -> None:
    """Have Git ignore the directories that new files are copied from, unless it tracks files there.

    The experiment has all files that Git does not ignore, and is pushed with the version: raw rows would be, too.
    """
    sources = (one.collected_from for one in found.definition.data)
    for path in (os.fsencode(found.path(one)) for one in sources if one is not None):
        if index.ignored(repo.git, [path]) or index.tracked_under(repo.git, path):
            continue
        directory, name = os.path.split(path)
        ignore_file = os.path.join(directory, gitignore.FILE)
        gitignore.edit(repo.git.worktree / os.fsdecode(ignore_file), add=[gitignore.pattern(name)])
        repo.stage([ignore_file])


def _planned_copies(repo: Repository, found: FoundRetraining, one: NewDataSource) -> tuple[FileCopy, ...]:
    if one.collected_from is None:
        return ()
    return plan_copies(_absolute(repo, found, one.collected_from), _absolute(repo, found, one.path))


def _add_with_copies(repo: Repository, path: str, copies: tuple[FileCopy, ...], progress: Progress) -> None:
    try:
        copy_files(copies)
        add(repo, [path], cwd=repo.root, progress=progress)
    except BaseException as error:
        for one in copies:
            one.target.unlink(missing_ok=True)
        if copies and isinstance(error, FailedChecksError):
            names = join_limited([os.path.relpath(one.source) for one in copies])
            error.fix = f"correct the new files, or move them away, and run the same command again: {names}"
        raise


def _differs_from_latest(repo: Repository, artifact: str) -> Callable[[str], bool]:
    """Says whether the pointer of a path differs from the one of the latest version's commit."""
    latest = read_artifact(repo.git, artifact).latest
    if latest is None:
        return lambda _: True
    contents = CommitContents(repo, latest.commit, latest.version)
    return lambda path: not contents.is_as_in_worktree(path)


def _absolute(repo: Repository, found: FoundRetraining, path: str) -> Path:
    return Path(os.fsdecode(repo.layout.absolute(os.fsencode(found.path(path)))))
