"""Tracked data, as pointer and lock files name it, and the paths that users type for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError, CorruptError, UsageError
from dver.core.phrasing import quoted
from dver.formats import lock as lock_format
from dver.formats import pointer as pointer_format
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry, forbidden_name
from dver.git import pointers, revisions
from dver.git.pointers import PointerFile, is_lock_path
from dver.repo import PROJECT_DIR, Repository
from dver.repo.layout import Layout
from dver.tracking.lock_outputs import DecodeLock, Maker, cached_outputs, checked_output_path, read_lock, restore_fix

SUFFIX: Final = os.fsencode(pointer_format.SUFFIX)


@dataclass(frozen=True, slots=True)
class TrackedData:
    """Data that a pointer or lock file names. `path` is relative to the top of the Git worktree."""

    path: bytes
    pointer: Pointer
    """Of an output: the pointer that would track it."""
    blob: str
    """The Git id of the pointer or lock file."""
    maker: Maker | None = None
    """Of an output: the stage that produced it, and its lock file."""

    @property
    def source(self) -> bytes:
        """The pointer or lock file that names the data."""
        return self.maker.lock if self.maker is not None else self.path + SUFFIX

    @property
    def entry(self) -> Entry:
        """The entry by which a directory would list the data."""
        return self.pointer.entry(self.path)

    @property
    def ref(self) -> ObjectRef:
        """The object that it names."""
        return self.pointer.ref(self.path)


@dataclass(frozen=True, slots=True)
class Target:
    """Tracked data, or a path inside a tracked directory."""

    tracked: TrackedData
    inside: tuple[bytes, ...] = ()
    """The names that lead from the tracked directory to the path. Empty for all of it."""

    @property
    def path(self) -> bytes:
        """The path relative to the top of the Git worktree."""
        return b"/".join((self.tracked.path, *self.inside))


def data_path_of(pointer_path: bytes) -> bytes:
    """The data path of a pointer file."""
    return pointer_path.removesuffix(SUFFIX)


def is_at_or_below(path: bytes, directory: bytes) -> bool:
    """Is `path` the directory, or in it? The empty directory is the top, which contains everything."""
    return not directory or path == directory or path.startswith(directory + b"/")


def ancestors(path: bytes) -> list[bytes]:
    """The directories above `path`, and `path` itself."""
    parts = path.split(b"/")
    return [b"/".join(parts[:length]) for length in range(1, len(parts) + 1)]


# -- pointers and locks, wherever they are


def tracked_in_worktree(repo: Repository) -> dict[bytes, TrackedData]:
    """The data that the pointer and lock files on disk name, by path."""
    return decode_files(repo, pointers.in_worktree(repo.git, repo.layout.prefix))


def tracked_in_commit(repo: Repository, commit: str) -> dict[bytes, TrackedData]:
    """The data that the pointer and lock files of `commit` (an id) name, by path."""
    return decode_files(repo, pointers.in_commit(repo.git, commit, repo.layout.prefix))


def decode_files(repo: Repository, files: Mapping[bytes, PointerFile]) -> dict[bytes, TrackedData]:
    """The data that `files` name, by path.

    Raises CorruptError and ConflictError that name a file which cannot be read, and ConflictError for data that two
    files name.
    """
    unread = {path: file.blob for path, file in files.items() if file.content is None}
    contents = pointers.read_blobs(repo.git, unread.values(), pointers.most_bytes(unread)) if unread else {}
    tracked: dict[bytes, TrackedData] = {}
    outputs: list[TrackedData] = []
    for path, file in sorted(files.items()):
        content = file.content if file.content is not None else contents[file.blob]
        for one in data_named_by(repo, path, file.blob, content):
            if one.path in tracked:
                raise overlap_error(repo, tracked[one.path], one)
            tracked[one.path] = one
            if one.maker is not None:
                outputs.append(one)
    for one in outputs:
        _refuse_nested(repo, tracked, one)
    return dict(sorted(tracked.items())) if outputs else tracked


def data_named_by(
    repo: Repository, path: bytes, blob: str, content: bytes, decode_lock: DecodeLock = lock_format.decode
) -> list[TrackedData]:
    """The data that one pointer or lock file names: none for an import that was not downloaded.

    Raises CorruptError and ConflictError that name the file.
    """
    if is_lock_path(path):
        return [
            TrackedData(checked_output_path(repo.layout, path, stage, item), item.pointer, blob, Maker(stage, path))
            for stage, item in cached_outputs(read_lock(repo, path, content, decode_lock))
        ]
    _refuse_bad_place(repo.layout, path)
    if pointer_format.decode_undownloaded(content) is not None:
        return []
    return [TrackedData(data_path_of(path), decode_pointer(repo, path, content), blob)]


def overlap_error(repo: Repository, one: TrackedData, other: TrackedData) -> ConflictError:
    """The error for data that two files name."""
    made = next((each for each in (one, other) if each.maker is not None), one)
    same_place = one.path == other.path
    places = (
        repo.layout.shown(one.path)
        if same_place
        else f"{repo.layout.shown(one.path)} and {repo.layout.shown(other.path)} in it"
    )
    stage = made.maker.shown(repo) if made.maker is not None else ""
    if one.source == other.source:
        return ConflictError(
            f"two stages in {repo.layout.shown(one.source)!r} have the output {places}",
            why="only one stage can produce an output",
            fix=f"remove the stage that no longer produces it from {quoted(repo.layout.shown(one.source))}",
        )
    return ConflictError(
        f"both {repo.layout.shown(one.source)!r} and {repo.layout.shown(other.source)!r} track {places}",
        why=f"it is an output of stage {stage!r}, and an output has no pointer",
        fix=_choosing(repo.layout, one, other),
    )


def _choosing(layout: Layout, *both: TrackedData) -> str:
    """The fix for data that two files name."""
    pointer = next((layout.shown(one.source) for one in both if one.maker is None), None)
    if pointer is None:
        return "`dver repro` drops deleted stages; if the dver.yaml itself was deleted, git rm its dver.lock"
    lock = next(layout.shown(one.source) for one in both if one.maker is not None)
    return f"git rm -f -- {quoted(pointer)}; or remove the stage from the dver.yaml, and its lines from {quoted(lock)}"


def _refuse_nested(repo: Repository, tracked: Mapping[bytes, TrackedData], one: TrackedData) -> None:
    directory = os.path.dirname(one.path)
    while directory:
        if directory in tracked:
            raise overlap_error(repo, tracked[directory], one)
        directory = os.path.dirname(directory)


def _refuse_bad_place(layout: Layout, pointer_path: bytes) -> None:
    """Raises CorruptError for a pointer at a path where no data may be, such as `.git.dver` or `...dver`."""
    for name in data_path_of(pointer_path).split(b"/"):
        reason = "it belongs to dver" if name == os.fsencode(PROJECT_DIR) else forbidden_name(name)
        if reason is not None:
            shown = layout.shown(pointer_path)
            raise CorruptError(
                f"the pointer {shown!r} is for {os.fsdecode(name)!r}",
                why=f"{reason}, so no data can be there",
                fix=f"git rm -f -- {quoted(shown)}",
            )


def decode_pointer(repo: Repository, path: bytes, content: bytes) -> Pointer:
    """Decode the pointer in the file `path`. Errors name the file."""
    try:
        return pointer_format.decode(content)
    except (CorruptError, ConflictError) as error:
        shown = repo.layout.shown(path)
        raise type(error)(
            f"cannot read the pointer {shown!r}",
            why=_joined(error.what, error.why),
            fix=error.fix or restore_fix(repo, path),
        ) from error


def _joined(what: str, why: str | None) -> str:
    return f"it is {what.removeprefix('it is ')}" + (f": {why}" if why else "")


# -- paths that users type


def resolve_data_path(repo: Repository, text: str, cwd: Path) -> bytes:
    """The path relative to the top of the Git worktree of `text`, typed in `cwd`. Empty for the top itself.

    Raises UsageError for a path outside the project.
    """
    absolute = os.path.abspath(os.path.join(os.fsencode(cwd), os.fsencode(text)))
    root = os.fsencode(repo.root)
    if not is_at_or_below(absolute, root):
        # The user may have come through a symbolic link; the last part is kept, since it may be one itself.
        parent = os.path.realpath(os.path.dirname(absolute))
        absolute = os.path.join(parent, os.path.basename(absolute))
    if not is_at_or_below(absolute, root):
        raise UsageError(
            f"{text!r} is outside of the project",
            why=f"the project is in {os.fspath(repo.root)!r}",
            fix="use a path in the project",
        )
    relative = os.path.relpath(absolute, repo.layout.top)
    return b"" if relative == b"." else relative


def select_targets(
    repo: Repository, tracked: Mapping[bytes, TrackedData], texts: Sequence[str], cwd: Path
) -> list[Target]:
    """The tracked data that the paths `texts` select, in order and each once. All of it without `texts`.

    A path may be the data's, its pointer's, one inside a tracked directory, a directory that contains tracked data, or
    a lock file, for all outputs that it names.
    """
    if not texts:
        return [Target(one) for one in tracked.values()]
    found: dict[bytes, Target] = {}
    for text in texts:
        for target in _select_one(repo.layout, tracked, resolve_data_path(repo, text, cwd), text):
            found[target.path] = target
    return list(found.values())


def split_revision(repo: Repository, arguments: Sequence[str], cwd: Path) -> tuple[str | None, Sequence[str]]:
    """Split `arguments` into the revision that the first one names, if it names one, and the paths.

    As in Git, an argument that may be both a revision and a path is an error.
    """
    if not arguments:
        return None, arguments
    first = arguments[0]
    path_like = os.path.lexists(os.path.join(cwd, first)) or os.path.lexists(os.path.join(cwd, first) + ".dver")
    try:
        revisions.resolve(repo.git, first)
    except UsageError as error:
        if path_like or _names_tracked(repo, first, cwd):
            return None, arguments
        raise UsageError(f"{first!r} is neither a revision nor tracked data", why=error.why, fix=error.fix) from error
    if path_like:
        raise UsageError(
            f"{first!r} is both a revision and a path",
            why="dver cannot tell which one you mean",
            fix=f"type ./{first} for the path, or {first}^0 for the revision",
        )
    return first, arguments[1:]


def _names_tracked(repo: Repository, text: str, cwd: Path) -> bool:
    """Does `text` name tracked data, a path inside it, a directory around it, or its pointer? A path outside the
    project counts as well: it is no revision, and the error about the path says more."""
    try:
        path = resolve_data_path(repo, text, cwd).removesuffix(SUFFIX)
    except UsageError:
        return True
    tracked = tracked_in_worktree(repo)
    return target_containing(tracked, path) is not None or bool(tracked_below(tracked, path))


def target_containing(tracked: Mapping[bytes, TrackedData], path: bytes) -> Target | None:
    """The target at `path`, if `path` is tracked data or inside a tracked directory."""
    parts = path.split(b"/")
    for length in range(len(parts), 0, -1):
        one = tracked.get(b"/".join(parts[:length]))
        if one is not None:
            return Target(one, tuple(parts[length:]))
    return None


def tracked_below(tracked: Mapping[bytes, TrackedData], directory: bytes) -> list[TrackedData]:
    """The tracked data below `directory`."""
    return [one for path, one in tracked.items() if is_at_or_below(path, directory) and path != directory]


def _select_one(layout: Layout, tracked: Mapping[bytes, TrackedData], path: bytes, text: str) -> Iterable[Target]:
    if path.endswith(SUFFIX) and path.removesuffix(SUFFIX) in tracked:
        path = path.removesuffix(SUFFIX)
    if made := [Target(one) for one in tracked.values() if one.maker is not None and one.source == path]:
        return made
    target = target_containing(tracked, path) if path else None
    if target is not None:
        if target.inside and target.tracked.pointer.kind is not ObjectKind.TREE:
            whole = layout.shown(target.tracked.path)
            raise UsageError(f"{text!r} cannot exist", why=f"{whole!r} is a file", fix=f"use {whole!r} itself")
        return [target]
    inner = tracked_below(tracked, path)
    if not inner:
        raise _not_tracked(layout, tracked, path, text)
    return [Target(one) for one in inner]


def _not_tracked(layout: Layout, tracked: Mapping[bytes, TrackedData], path: bytes, text: str) -> UsageError:
    from difflib import get_close_matches  # only for this message

    pointer = path.removesuffix(SUFFIX) + SUFFIX
    if os.path.isfile(layout.absolute(pointer)):
        shown = quoted(layout.shown(path.removesuffix(SUFFIX)))
        return UsageError(
            f"{text!r} was never downloaded",
            why="it was imported with --no-download",
            fix=f"dver update {shown}; or, to drop the import: git rm -f -- {quoted(layout.shown(pointer))}",
        )
    near = get_close_matches(layout.shown(path), [layout.shown(one) for one in tracked], n=1)
    fix = f"did you mean {near[0]!r}?" if near else "`dver ls` lists tracked data, `dver add` tracks more"
    return UsageError(f"{text!r} is not tracked", why="no pointer or lock file names it, or data in it", fix=fix)
