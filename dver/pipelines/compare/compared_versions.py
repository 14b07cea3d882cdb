"""What is compared, side by side: the workspace and commits, each with its own stages, lock files and contents.

A commit may have a file in Git, or only name what it is to be, in a lock file or a pointer; then the store has it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from dver.core.errors import CorruptError, DverError, MissingObjectError, UsageError
from dver.core.files import read_regular
from dver.core.phrasing import quoted
from dver.formats.pack import IN_MEMORY_MAX
from dver.formats.tree import Entry, Kind
from dver.git import revisions
from dver.git.commits import CommitReader, TooLargeError, branch_and_tag_tips, paths_named
from dver.git.revisions import CommitId
from dver.pipelines.compare import dvc_files
from dver.pipelines.compare.dvc_files import DvcFiles
from dver.pipelines.definition.stage import PipelineFile
from dver.pipelines.workspace.pipelines import pipelines_of_commit, pipelines_of_workspace
from dver.repo import Repository
from dver.store.trees.compare import find
from dver.tracking.lock_outputs import outputs_in
from dver.tracking.revision_scope import Scope
from dver.tracking.targets import Target, Tracked, containing, in_commit

WORKSPACE: Final = "workspace"
"""What the workspace is called where revisions are expected."""

NamedSide = tuple[str, CommitId | None]
"""The name of a side, and its commit; None for the workspace."""

MAX_SIZE: Final = IN_MEMORY_MAX
"""Bytes that a file may have to be looked at."""

MAX_FILES: Final = 1000
"""Files of a directory that are looked at."""

_NAMES: Final = (b"dver.yaml", b"dver.lock", dvc_files.FILE_NAME, dvc_files.LOCK_NAME)
"""What files are called that say what a commit has."""
_NAME_SIZE: Final = 16 << 20
_SHORT: Final = 8


class FileMissingError(UsageError):
    """There is no such file."""


@dataclass(frozen=True, slots=True)
class ReadProblem:
    """A file that could not be read, on which side, and why."""

    side: str
    path: str
    error: DverError


class Side(Protocol):
    """One of what is compared. Places are relative to the top of the Git worktree."""

    @property
    def name(self) -> str:
        """The revision as the user called it, or `workspace`."""
        ...

    @property
    def pipelines(self) -> Mapping[str, PipelineFile | DverError]:
        """What each `dver.yaml` says, by its folder, or why it cannot be read."""
        ...

    def read(self, place: str) -> bytes:
        """The content of the file at `place`. Raises NotThereError where there is none, MissingObjectError where
        the store lacks it, and other DverErrors."""
        ...

    def below(self, place: str) -> list[str] | None:
        """The places of all files below the directory at `place`; None if there is no directory. Raises as `read`."""
        ...


@contextmanager
def open_sides(repo: Repository, named: Sequence[NamedSide]) -> Iterator[list[Side]]:
    """The sides by their names and commits; None for the workspace."""
    commits = list(dict.fromkeys(commit for _, commit in named if commit is not None))
    with CommitReader(repo.git) as reader:
        found = [paths_named(repo.git, commits, name, repo.layout.prefix) for name in _NAMES]
        yield [
            WorkspaceSide(repo)
            if commit is None
            else CommitSide(repo, reader, name, commit, *(paths[commit] for paths in found))
            for name, commit in named
        ]


def resolve_sides(repo: Repository, revs: Iterable[str]) -> list[NamedSide]:
    """The sides that the user named: revisions and `workspace`. Raises UsageError for an unknown revision."""
    return [(rev, None if rev == WORKSPACE else revisions.resolve(repo.git, rev)) for rev in revs]


def sides_in_scope(repo: Repository, revs: Sequence[str], scope: Scope) -> list[NamedSide]:
    """The revisions that `revs` and `scope` mean, each commit once under all its names; the workspace first where
    `scope` means many, and alone where nothing is meant."""
    found: dict[CommitId | None, list[str]] = {None: [WORKSPACE]} if scope.many or not revs else {}
    for name, commit in resolve_sides(repo, revs):
        found.setdefault(commit, []).append(name)
    for name, tip in branch_and_tag_tips(repo.git, branches=scope.all_branches, tags=scope.all_tags):
        found.setdefault(tip, []).append(name)
    for commit in revisions.commits(repo.git, all_commits=True) if scope.all_commits else ():
        found.setdefault(commit, [commit[:_SHORT]])
    return [(", ".join(dict.fromkeys(names)), commit) for commit, names in found.items()]


class WorkspaceSide:
    """The files as they are."""

    name = WORKSPACE

    def __init__(self, repo: Repository) -> None:
        self._repo = repo

    @cached_property
    def pipelines(self) -> Mapping[str, PipelineFile | DverError]:
        """See `Side`."""
        return pipelines_of_workspace(self._repo)

    def read(self, place: str) -> bytes:
        """See `Side`."""
        path = self._repo.layout.absolute(os.fsencode(place))
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{self._shown(place)!r} is not a file")
            _refuse_large(self._shown(place), status.st_size)
            return read_regular(path)
        except (FileNotFoundError, NotADirectoryError):
            raise FileMissingError(
                f"{self._shown(place)!r} is not in the workspace",
                fix="`dver repro` makes what stages make, `dver checkout` brings what is stored",
            ) from None
        except OSError as error:
            raise UsageError(f"{self._shown(place)!r} cannot be read", why=error.strerror) from error

    def below(self, place: str) -> list[str] | None:
        """See `Side`."""
        top = self._repo.layout.absolute(os.fsencode(place))
        if not os.path.isdir(top):
            return None
        found: list[str] = []
        for folder, folders, names in os.walk(top):
            folders[:] = sorted(one for one in folders if one != b".git")
            found += [os.fsdecode(os.path.relpath(os.path.join(folder, name), self._repo.layout.top)) for name in names]
            _refuse_many(self._shown(place), found)
        return sorted(found)

    def _shown(self, place: str) -> str:
        return self._repo.layout.shown(os.fsencode(place))


class CommitSide:
    """The files of a commit: those in Git, and those that its lock files and pointers name.

    Where a folder has no `dver.yaml`, that of DVC counts.
    """

    def __init__(
        self,
        repo: Repository,
        reader: CommitReader,
        name: str,
        commit: CommitId,
        files: Sequence[bytes],
        locks: Sequence[bytes],
        files_of_dvc: Sequence[bytes],
        locks_of_dvc: Sequence[bytes],
    ) -> None:
        self.name = name
        self._repo = repo
        self._reader = reader
        self._commit = commit
        folders = {os.path.dirname(path) for path in files}
        self._files = [*files, *(path for path in files_of_dvc if os.path.dirname(path) not in folders)]
        self._locks = locks
        self._locks_of_dvc = locks_of_dvc

    @cached_property
    def pipelines(self) -> Mapping[str, PipelineFile | DverError]:
        """See `Side`."""
        return pipelines_of_commit(self._repo, self._files, self._content, self._is_folder)

    def read(self, place: str) -> bytes:
        """See `Side`."""
        content = self._content(os.fsencode(place))
        if content is not None:
            return content
        entry = self._stored(place)
        if entry is None and (content := self._of_dvc.read(place)) is not None:
            return content
        if entry is None:
            raise FileMissingError(f"{self._shown(place)!r} does not exist at {self.name}")
        if entry.kind in (Kind.DIRECTORY, Kind.SYMLINK):
            raise UsageError(f"{self._shown(place)!r} is not a file at {self.name}")
        _refuse_large(self._shown(place), entry.size)
        with self._explaining(place):
            return self._repo.store.read(entry.oid)

    def below(self, place: str) -> list[str] | None:
        """See `Side`."""
        if self._is_folder(os.fsencode(place)):
            return sorted(self._in_git(place))
        entry = self._stored(place)
        if entry is None:
            return self._of_dvc.below(place)
        if entry.kind is not Kind.DIRECTORY:
            return None
        found: list[str] = []
        with self._explaining(place):
            for path in self._in_store(place, entry):
                found.append(path)
                _refuse_many(self._shown(place), found)
        return sorted(found)

    # -- in Git

    def _content(self, path: bytes) -> bytes | None:
        try:
            return self._reader.read(self._commit, path, limit=MAX_SIZE)
        except TooLargeError as error:
            raise _too_large(self._shown(os.fsdecode(path)), error.size) from None

    def _is_folder(self, path: bytes) -> bool:
        with suppress(TooLargeError):
            return self._reader.names(self._commit, path, limit=_NAME_SIZE) is not None
        return True

    def _in_git(self, place: str) -> list[str]:
        found: list[str] = []
        folders = [place]
        while folders:
            folder = folders.pop()
            try:
                names = self._reader.names(self._commit, os.fsencode(folder), limit=_NAME_SIZE)
            except TooLargeError as error:
                raise _too_large(self._shown(folder), error.size) from None
            if names is None:
                found.append(folder)
            else:
                folders += [os.path.join(folder, os.fsdecode(name)) for name in names]
            _refuse_many(self._shown(place), found)
        return found

    # -- in the store

    @cached_property
    def _outs(self) -> Mapping[str, Entry]:
        """What the lock files of the commit name, by its place."""
        return {
            os.fsdecode(made.path): made.pointer.entry(made.path)
            for path in self._locks
            for made in outputs_in(self._repo, path, self._content(path) or b"")
        }

    @cached_property
    def _of_dvc(self) -> DvcFiles:
        return DvcFiles(os.fsdecode(self._repo.layout.top), self._locks_of_dvc, self.pipelines, self._content, MAX_SIZE)

    @cached_property
    def _tracked(self) -> Mapping[bytes, Tracked]:
        return in_commit(self._repo, self._commit)

    def _stored(self, place: str) -> Entry | None:
        """What is at `place` by what the commit says of it."""
        above = place
        inside: list[str] = []
        while above:
            if above in self._outs:
                return self._found(place, self._outs[above], [os.fsencode(name) for name in reversed(inside)])
            above, name = os.path.split(above)
            inside.append(name)
        target: Target | None = containing(self._tracked, os.fsencode(place))
        return self._found(place, target.tracked.entry, target.inside) if target is not None else None

    def _found(self, place: str, entry: Entry, inside: Sequence[bytes]) -> Entry | None:
        with self._explaining(place):
            return find(entry, tuple(inside), self._repo.store.tree)

    def _in_store(self, place: str, entry: Entry) -> Iterator[str]:
        for one in self._repo.store.tree(entry.oid):
            inner = os.path.join(place, os.fsdecode(one.name))
            if one.kind is Kind.DIRECTORY:
                yield from self._in_store(inner, one)
            else:
                yield inner

    @contextmanager
    def _explaining(self, place: str) -> Iterator[None]:
        shown = self._shown(place)
        rev = self._commit[:_SHORT] if ", " in self.name else self.name
        try:
            yield
        except MissingObjectError as error:
            raise MissingObjectError(
                f"the content of {shown!r} at {self.name} is not in the store",
                why="it was never fetched, or it was collected as garbage",
                fix=f"dver fetch --rev {quoted(rev)} {quoted(shown)}",
            ) from error
        except CorruptError as error:
            raise CorruptError(f"the store's copy of {shown!r} is damaged", why=error.what, fix=error.fix) from error

    def _shown(self, place: str) -> str:
        return self._repo.layout.shown(os.fsencode(place))


def _refuse_large(shown: str, size: int) -> None:
    if size > MAX_SIZE:
        raise _too_large(shown, size)


def _too_large(shown: str, size: int) -> UsageError:
    return UsageError(f"{shown!r} is too large", why=f"{size:,} bytes; at most {MAX_SIZE:,} are read")


def _refuse_many(shown: str, found: Sequence[str]) -> None:
    if len(found) > MAX_FILES:
        raise UsageError(
            f"{shown!r} has too many files", why=f"at most {MAX_FILES:,} are read", fix="name single files"
        )
