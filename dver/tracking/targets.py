"""From the paths that a user types to tracked data: what pointers and locks name, and places inside of that."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError, CorruptError, UsageError
from dver.core.phrasing import quoted
from dver.formats import lock as lock_format
from dver.formats import pointer as pointer_format
from dver.formats.lock import Lock
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry, forbidden_name
from dver.git import pointers, revisions
from dver.git.pointers import PointerFile, is_lock_path
from dver.repo import PROJECT_DIR, Repository
from dver.tracking.lock_outputs import Maker, outputs_in
from dver.tracking.restore_hint import restore_fix

SUFFIX: Final = os.fsencode(pointer_format.SUFFIX)


@dataclass(frozen=True, slots=True)
class TrackedData:
    """Data that a pointer or a lock file names. `path` is the data's, relative to the top of the Git worktree."""

    path: bytes
    pointer: Pointer
    """For an output: what a pointer to it would say."""
    blob: str
    """The id in Git of the file that names it."""
    maker: Maker | None = None
    """For the output of a stage: which one, and the lock file that names it."""

    @property
    def source(self) -> bytes:
        """The file that names it: its pointer, or the lock."""
        return self.maker.lock if self.maker is not None else self.path + SUFFIX

    @property
    def entry(self) -> Entry:
        """The data, as a directory would list it."""
        return self.pointer.entry(self.path)

    @property
    def ref(self) -> ObjectRef:
        """The object that it names."""
        return self.pointer.ref(self.path)


@dataclass(frozen=True, slots=True)
class Target:
    """Tracked data, or a place inside of a tracked directory."""

    tracked: TrackedData
    inside: tuple[bytes, ...] = ()
    """The names on the way from the tracked directory to the place; none for all of it."""

    @property
    def path(self) -> bytes:
        """The place, relative to the top of the Git worktree."""
        return b"/".join((self.tracked.path, *self.inside))


def data_path_of(pointer_path: bytes) -> bytes:
    """The data path of a pointer file."""
    return pointer_path.removesuffix(SUFFIX)


def is_at_or_below(path: bytes, folder: bytes) -> bool:
    """Is `path` the folder, or in it? The empty folder is the top, which holds all."""
    return not folder or path == folder or path.startswith(folder + b"/")


# -- pointers and locks, wherever they are


def tracked_in_worktree(repo: Repository) -> dict[bytes, TrackedData]:
    """What the pointer and lock files on disk say."""
    return decode_files(repo, pointers.in_worktree(repo.git, repo.layout.prefix))


def tracked_in_commit(repo: Repository, commit: str) -> dict[bytes, TrackedData]:
    """What the pointer and lock files of `commit` (an id) say."""
    return decode_files(repo, pointers.in_commit(repo.git, commit, repo.layout.prefix))


def decode_files(repo: Repository, files: Mapping[bytes, PointerFile]) -> dict[bytes, TrackedData]:
    """Decode pointer and lock files, by the path of their data. Raises CorruptError, ConflictError that name the file
    which cannot be read, and ConflictError for data that two of them name."""
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
    repo: Repository, path: bytes, blob: str, content: bytes, decode_lock: Callable[[bytes], Lock] = lock_format.decode
) -> list[TrackedData]:
    """The data that one pointer or lock file names. Raises CorruptError, ConflictError that name the file."""
    if is_lock_path(path):
        found = outputs_in(repo, path, content, decode_lock)
        return [TrackedData(one.path, one.pointer, blob, one.maker) for one in found]
    _refuse_bad_place(repo, path)
    return [TrackedData(data_path_of(path), decode_pointer(repo, path, content), blob)]


def overlap_error(repo: Repository, one: TrackedData, other: TrackedData) -> ConflictError:
    """The error for data of which two files tell."""
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
            f"two stages of {repo.layout.shown(one.source)!r} have made {places}",
            why="each output has one stage that makes it",
            fix=f"take the stage that does not make it any more out of {quoted(repo.layout.shown(one.source))}",
        )
    return ConflictError(
        f"both {repo.layout.shown(one.source)!r} and {repo.layout.shown(other.source)!r} tell what {places} should be",
        why=f"it is an output of stage {stage!r}, and data is either made by a stage or tracked by itself",
        fix=_choosing(repo, one, other),
    )


def _choosing(repo: Repository, *both: TrackedData) -> str:
    """How to have only one of two files tell what something should be."""
    pointer = next((repo.layout.shown(one.source) for one in both if one.maker is None), None)
    if pointer is None:
        return "`dver repro` drops stages that are gone; where there is no dver.yaml any more, git rm its dver.lock"
    lock = next(repo.layout.shown(one.source) for one in both if one.maker is not None)
    return f"git rm -f -- {quoted(pointer)}; or take the stage out of the dver.yaml and its lines out of {quoted(lock)}"


def _refuse_nested(repo: Repository, tracked: Mapping[bytes, TrackedData], one: TrackedData) -> None:
    folder = os.path.dirname(one.path)
    while folder:
        if folder in tracked:
            raise overlap_error(repo, tracked[folder], one)
        folder = os.path.dirname(folder)


def _refuse_bad_place(repo: Repository, pointer_path: bytes) -> None:
    """Raise CorruptError for a pointer to what must not be data: `.git.dver` stands for `.git`, `...dver` for `..`."""
    for name in data_path_of(pointer_path).split(b"/"):
        reason = "it belongs to dver" if name == os.fsencode(PROJECT_DIR) else forbidden_name(name)
        if reason is not None:
            shown = repo.layout.shown(pointer_path)
            raise CorruptError(
                f"the pointer {shown!r} stands for {os.fsdecode(name)!r}",
                why=f"{reason}, so no data can be there",
                fix=f"git rm -f -- {quoted(shown)}",
            )


def decode_pointer(repo: Repository, path: bytes, content: bytes) -> Pointer:
    """The pointer in the file `path`; errors name the file."""
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


# -- what the user types


def resolve_data_path(repo: Repository, text: str, cwd: Path) -> bytes:
    """The path, relative to the top of the Git worktree, that `text` typed in `cwd` means. Empty for the top itself.

    Raises UsageError for a path outside of the project.
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
            why=f"the project is {os.fspath(repo.root)!r}",
            fix="give a path in it",
        )
    relative = os.path.relpath(absolute, repo.layout.top)
    return b"" if relative == b"." else relative


def select_targets(
    repo: Repository, tracked: Mapping[bytes, TrackedData], texts: Sequence[str], cwd: Path
) -> list[Target]:
    """The tracked data that the paths `texts` mean, in order and each once; all of it where there are none.

    A path may be the data's, its pointer's, one inside of a tracked directory, a folder that holds tracked data, or a
    lock file, for all outputs that it names.
    """
    if not texts:
        return [Target(one) for one in tracked.values()]
    found: dict[bytes, Target] = {}
    for text in texts:
        for target in _select_one(repo, tracked, resolve_data_path(repo, text, cwd), text):
            found[target.path] = target
    return list(found.values())


def split_revision(repo: Repository, arguments: Sequence[str], cwd: Path) -> tuple[str | None, Sequence[str]]:
    """The revision that the first of `arguments` names, if it does, and the others, which are paths.

    As with git, an argument that names both a revision and something in the workspace has to be made unmistakable.
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
        raise UsageError(f"{first!r} is neither a revision nor tracked", why=error.why, fix=error.fix) from error
    if path_like:
        raise UsageError(
            f"{first!r} is both a revision and a path",
            why="it cannot be told which is meant",
            fix=f"write ./{first} for the path, or {first}^0 for the revision",
        )
    return first, arguments[1:]


def _names_tracked(repo: Repository, text: str, cwd: Path) -> bool:
    """Does `text` name tracked data, a place inside of it, a directory around it, or its pointer? What lies outside of
    the project counts as well: it is no revision, and the error about it says more."""
    try:
        path = resolve_data_path(repo, text, cwd).removesuffix(SUFFIX)
    except UsageError:
        return True
    tracked = tracked_in_worktree(repo)
    return target_containing(tracked, path) is not None or bool(tracked_below(tracked, path))


def target_containing(tracked: Mapping[bytes, TrackedData], path: bytes) -> Target | None:
    """The place in tracked data that `path` is, if there is one."""
    parts = path.split(b"/")
    for length in range(len(parts), 0, -1):
        one = tracked.get(b"/".join(parts[:length]))
        if one is not None:
            return Target(one, tuple(parts[length:]))
    return None


def tracked_below(tracked: Mapping[bytes, TrackedData], folder: bytes) -> list[TrackedData]:
    """The tracked data that lies below `folder`."""
    return [one for path, one in tracked.items() if is_at_or_below(path, folder) and path != folder]


def _select_one(repo: Repository, tracked: Mapping[bytes, TrackedData], path: bytes, text: str) -> Iterable[Target]:
    if path.endswith(SUFFIX) and path.removesuffix(SUFFIX) in tracked:
        path = path.removesuffix(SUFFIX)
    if made := [Target(one) for one in tracked.values() if one.maker is not None and one.source == path]:
        return made
    target = target_containing(tracked, path) if path else None
    if target is not None:
        if target.inside and target.tracked.pointer.kind is not ObjectKind.TREE:
            whole = repo.layout.shown(target.tracked.path)
            raise UsageError(f"{text!r} cannot exist", why=f"{whole!r} is a file", fix=f"name {whole!r} itself")
        return [target]
    inner = tracked_below(tracked, path)
    if not inner:
        raise _not_tracked(repo, tracked, path, text)
    return [Target(one) for one in inner]


def _not_tracked(repo: Repository, tracked: Mapping[bytes, TrackedData], path: bytes, text: str) -> UsageError:
    from difflib import get_close_matches  # only for this message

    near = get_close_matches(repo.layout.shown(path), [repo.layout.shown(one) for one in tracked], n=1)
    fix = f"did you mean {near[0]!r}?" if near else "`dver ls` lists what is tracked, `dver add` tracks more"
    return UsageError(
        f"{text!r} is not tracked", why="neither a pointer nor a lock names it or anything in it", fix=fix
    )
