"""The imports of a project: pointers that name a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.formats.pointer import Pointer, UndownloadedPointer, decode_undownloaded
from dver.formats.pointer_source import Source
from dver.git import pointers
from dver.repo import Repository
from dver.tracking.targets import (
    SUFFIX,
    TrackedData,
    data_path_of,
    decode_files,
    is_at_or_below,
    resolve_data_path,
    target_containing,
)


@dataclass(frozen=True, slots=True)
class ImportedData:
    """Data whose pointer names a source. `path` is relative to the top of the Git worktree."""

    path: bytes
    pointer: Pointer | UndownloadedPointer
    source: Source


def imports_in_worktree(repo: Repository) -> dict[bytes, ImportedData]:
    """The imports that the pointers on disk name, by path; also those that were never downloaded."""
    return _imports(repo)[1]


def select_imports(repo: Repository, texts: Sequence[str], cwd: Path) -> list[ImportedData]:
    """The imports at or below the paths `texts`; all without any. Raises UsageError for other data."""
    tracked, found = _imports(repo)
    if not texts:
        return list(found.values())
    chosen: dict[bytes, ImportedData] = {}
    for text in texts:
        path = resolve_data_path(repo, text, cwd).removesuffix(SUFFIX)
        here = {one.path: one for one in found.values() if is_at_or_below(one.path, path)}
        if not here:
            raise _not_imported(repo, tracked, found, path, text)
        chosen |= here
    return [chosen[path] for path in sorted(chosen)]


def _imports(repo: Repository) -> tuple[Mapping[bytes, TrackedData], dict[bytes, ImportedData]]:
    files = pointers.in_worktree(repo.git, repo.layout.prefix)
    tracked = decode_files(repo, files)
    found = {
        path: ImportedData(path, one.pointer, one.pointer.source)
        for path, one in tracked.items()
        if one.maker is None and one.pointer.source is not None
    }
    for name, file in files.items():
        waiting = decode_undownloaded(file.content or b"")
        if waiting is not None:
            path = data_path_of(name)
            found[path] = ImportedData(path, waiting, waiting.source)
    return tracked, dict(sorted(found.items()))


def _not_imported(
    repo: Repository,
    tracked: Mapping[bytes, TrackedData],
    imports: Mapping[bytes, ImportedData],
    path: bytes,
    text: str,
) -> UsageError:
    around = target_containing(tracked, path)
    if around is not None and around.tracked.path in imports:
        whole = repo.layout.shown(around.tracked.path)
        return UsageError(
            f"{text!r} is a part of the import {whole!r}",
            why="an import is updated as a whole; only its changed files are downloaded",
            fix=f"dver update {quoted(whole)}",
        )
    if around is not None:
        return UsageError(
            f"{text!r} was not imported",
            why="its pointer names no source",
            fix=f"`dver pull {quoted(text)}` downloads the version of the current commit",
        )
    return UsageError(f"{text!r} is not an import", fix="`dver update` without a path updates all imports")
