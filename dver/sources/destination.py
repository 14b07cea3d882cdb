"""The path in the project that imported data gets, and the checks before it is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from dver.core.errors import ConflictError
from dver.core.phrasing import quoted
from dver.formats.pointer import Pointer
from dver.formats.pointer_source import RepositorySource, Source
from dver.repo import Repository
from dver.tracking.targets import SUFFIX, Target, TrackedData, resolve_data_path, target_containing, tracked_in_worktree
from dver.tracking.trackable import check_destination, refuse_outputs


def destination(repo: Repository, name: Callable[[], str], out: str | None, cwd: Path) -> str:
    """The path of an import, relative to `cwd`: `out`, or its `name()` in the directory `out`, by default in `cwd`."""
    if out is None:
        return name()
    if out.endswith("/"):
        return os.path.join(out, name())
    is_tracked = resolve_data_path(repo, out, cwd) in tracked_in_worktree(repo)
    return os.path.join(out, name()) if os.path.isdir(cwd / out) and not is_tracked else out


def check_import(
    repo: Repository, path: bytes, text: str, *, force: bool, again: RepositorySource | None = None
) -> Pointer | None:
    """The pointer that an import to `path`, typed as `text`, would replace.

    Raises UsageError or ConflictError unless data can be imported there. Tracked data and existing files are replaced
    only with `force`, or if they are an import of the same source: the same command again completes it.
    """
    tracked = tracked_in_worktree(repo)
    around = target_containing(tracked, path)
    if around is not None:
        refuse_outputs(repo, [around])
        if around.inside:
            raise _inside_error(repo, around, text)
    check_destination(repo, tracked, path, text)
    if not force and not (path in tracked and _same_origin(tracked[path].pointer.source, again)):
        _refuse_existing(repo, tracked, path, text, again)
    return tracked[path].pointer if path in tracked else None


def _same_origin(source: Source | None, again: RepositorySource | None, *, any_rev: bool = False) -> bool:
    if not isinstance(source, RepositorySource) or again is None:
        return False
    return (source.repo, source.path) == (again.repo, again.path) and (any_rev or source.rev == again.rev)


def _inside_error(repo: Repository, around: Target, text: str) -> ConflictError:
    whole = repo.layout.shown(around.tracked.path)
    return ConflictError(
        f"{text!r} is in {whole!r}, which is tracked as a whole",
        why="imported data has a pointer of its own",
        fix="choose another OUT",
    )


def _refuse_existing(
    repo: Repository,
    tracked: Mapping[bytes, TrackedData],
    path: bytes,
    text: str,
    again: RepositorySource | None,
) -> None:
    source = tracked[path].pointer.source if path in tracked else None
    if again is not None and again.rev is not None and _same_origin(source, again, any_rev=True):
        raise ConflictError(
            f"{text!r} is an import of the same data at another revision",
            why="an import would replace it",
            fix=f"dver update --rev {quoted(again.rev)} {quoted(text)}",
        )
    is_import = source is not None
    if is_import or (path not in tracked and repo.layout.exists(path + SUFFIX)):
        raise ConflictError(
            f"{text!r} was imported before",
            why="an import would replace it",
            fix=f"`dver update {quoted(text)}` downloads the present content of its source",
        )
    if path in tracked or repo.layout.exists(path):
        raise ConflictError(
            f"{text!r} {'is already tracked' if path in tracked else 'already exists'}",
            why="an import would replace it",
            fix="choose another OUT, or replace it with --force",
        )
