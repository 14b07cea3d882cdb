"""`dver merge-driver`: merges of pointers, lock files and `.gitignore` for Git."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import ConflictError, DverError
from dver.core.files import clear_leftovers, write_atomic
from dver.core.phrasing import join_limited, quoted
from dver.formats import lock, lock_merge
from dver.git import gitignore
from dver.git.gitignore import merge_ignore_files
from dver.git.merge_lines import merge_in_markers
from dver.gitflow.merge.pointers import conflict_line, merge_versions, read_versions
from dver.repo import Repository
from dver.tracking.targets import data_path_of


@dataclass(frozen=True, slots=True)
class DriverResult:
    """The result of a merge. In conflict, the file has both sides between Git's markers."""

    clean: bool
    """Whether everything was merged."""
    conflict: DverError | None = None
    """The conflicts or the error, and the fix; None if Git's own message is enough."""


def merge_driver(base: Path, ours: Path, theirs: Path, *, marker_size: int, path: bytes, cwd: Path) -> DriverResult:
    """Merge three versions of the file `path`, relative to `cwd`, the top of the worktree, into `ours`.

    The files are Git's temporary ones; an empty `base` means that both sides added the file. Every error is a conflict:
    Git must not take one side for the merge.
    """
    clear_leftovers(ours.parent)
    contents = base.read_bytes(), ours.read_bytes(), theirs.read_bytes()
    name = os.path.basename(path)
    try:
        if name == gitignore.FILE:
            content, clean = _merge_ignore_file(contents, marker_size)
            write_atomic(ours, content, durable=False)
            return DriverResult(clean)
        merge = _merge_lock if name == lock.NAME.encode() else _merge_pointer
        content, conflict = merge(contents, marker_size, path, cwd)
    except DverError as error:
        content, conflict = _in_markers(contents[1], contents[2], marker_size), error
    write_atomic(ours, content, durable=False)
    return DriverResult(conflict is None, conflict)


Three = tuple[bytes, bytes, bytes]


def _merge_ignore_file(contents: Three, marker_size: int) -> tuple[bytes, bool]:
    """Merge as Git does, without a conflict for lines that `dver add` wrote on both sides."""
    content = merge_ignore_files(*contents)
    if content is not None:
        return content, True
    content = merge_in_markers(*contents, marker_size=marker_size)
    return contents[1] if content is None else content, False


def _merge_pointer(contents: Three, marker_size: int, path: bytes, cwd: Path) -> tuple[bytes, DverError | None]:
    found = Repository.open(_nearest_folder(cwd, path))
    # The user's directory is unknown: messages name paths relative to the project's directory.
    with Repository(found.root, found.git, in_hook=True) as repo:
        sides = read_versions(repo, data_path_of(path), contents)
        merged = merge_versions(repo, sides)
        if merged.content is not None and merged.clean:
            return merged.content, None
        shown = repo.layout.shown(sides.path)
        conflict = ConflictError(
            f"two versions of {shown!r} cannot be merged",
            why=conflict_line(repo.layout, sides, merged),
            fix=f"dver resolve {quoted(shown)} --ours, --theirs or --union",
        )
    return _in_markers(contents[1], contents[2], marker_size), conflict


def _merge_lock(contents: Three, marker_size: int, path: bytes, _cwd: Path) -> tuple[bytes, DverError | None]:
    base, ours, theirs = contents
    content, stages = lock_merge.merge(base or None, ours, theirs, marker_size=marker_size)
    if not stages:
        return content, None
    shown = os.fsdecode(path)
    return content, ConflictError(
        f"two versions of {shown!r} cannot be merged",
        why=f"both sides changed what these stages produced: {join_limited(stages)}",
        fix=f"dver resolve {quoted(shown)} --ours or --theirs; or run `dver repro`",
    )


def _in_markers(ours: bytes, theirs: bytes, size: int) -> bytes:
    lines = b"<" * size + b" ours\n", _ended(ours), b"=" * size + b"\n", _ended(theirs), b">" * size + b" theirs\n"
    return b"".join(lines)


def _ended(content: bytes) -> bytes:
    return content if not content or content.endswith(b"\n") else content + b"\n"


def _nearest_folder(cwd: Path, path: bytes) -> Path:
    """The directory of `path`, or its nearest existing parent."""
    folder = Path(os.fsdecode(os.path.join(os.fsencode(cwd), os.path.dirname(path))))
    while not folder.is_dir() and folder != cwd:
        folder = folder.parent
    return folder
