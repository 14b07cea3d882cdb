"""The sides of a comparison: the workspace and commits, with their pipelines and files.

A commit has a file in Git, or records its hash in a lock file or pointer; then the store has the content.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from dver.core.display import Displayed
from dver.core.errors import CorruptError, DverError, MissingObjectError, UsageError
from dver.core.files import read_regular
from dver.core.phrasing import quoted
from dver.formats.pack import IN_MEMORY_MAX
from dver.formats.tree import Entry, Kind
from dver.git import revisions
from dver.git.commits import CommitReader, TooLargeError, branch_and_tag_tips, paths_named
from dver.git.git_repo import CommitId, GitRepo
from dver.pipelines import FILE_NAME
from dver.pipelines.compare import dvc_files
from dver.pipelines.compare.dvc_files import DvcFiles
from dver.pipelines.definition.stage import PipelineFile
from dver.pipelines.workspace.pipelines import pipelines_of_commit, pipelines_of_workspace
from dver.repo import Repository
from dver.store.trees.compare import find, leaves
from dver.tracking.revision_scope import RevisionScope
from dver.tracking.targets import Target, TrackedData, data_named_by, target_containing, tracked_in_commit

WORKSPACE: Final = "workspace"
"""The name of the workspace in path of a revision."""

NamedSide = tuple[str, CommitId | None]
"""The name of a side, and its commit; None for the workspace."""

MAX_FILES: Final = 1000
"""The maximum number of files in a directory."""

_NAMES: Final = (b"dver.yaml", b"dver.lock", dvc_files.FILE_NAME, dvc_files.LOCK_NAME)
"""The names of pipeline and lock files."""
_NAME_SIZE: Final = 16 << 20
_SHORT: Final = 8


class FileMissingError(UsageError):
    """The file does not exist."""


@dataclass(frozen=True, slots=True, repr=False)
class ReadProblem(Displayed):
    """A file that could not be read on a side, with the error."""

    side: str
    path: str
    error: DverError


class Side(Protocol):
    """One side of a comparison. Paths are relative to the top of the Git worktree."""

    @property
    def name(self) -> str:
        """The revision as the user named it, or `workspace`."""
        ...

    @property
    def pipelines(self) -> Mapping[str, PipelineFile | DverError]:
        """The content of each `dver.yaml` by directory, or the error from reading it."""
        ...

    def read(self, path: str) -> bytes:
        """The content of a file. Raises FileMissingError, MissingObjectError if the store does not have it, and other
        DverErrors."""
        ...

    def below(self, path: str) -> list[str] | None:
        """The paths of all files in a directory; None if it does not exist. Raises as `read`."""
        ...


def for_each_pipeline(side: Side, problems: list[ReadProblem], add: Callable[[str, PipelineFile], None]) -> None:
    """Call `add` with the directory and the content of each `dver.yaml`. Errors are added to the `problems`."""
    for folder, file in side.pipelines.items():
        try:
            if isinstance(file, DverError):
                raise file
            add(folder, file)
        except DverError as error:
            problems.append(ReadProblem(side.name, os.path.join(folder, FILE_NAME), error))


@contextmanager
def open_sides(repo: Repository, named: Sequence[NamedSide]) -> Iterator[list[Side]]:
    """Open the workspace and commits for reading."""
    commits = list(dict.fromkeys(commit for _, commit in named if commit is not None))
    with CommitReader(repo.git) as reader:
        found = paths_named(repo.git, commits, _NAMES, repo.layout.prefix)
        yield [
            _WorkspaceSide(repo)
            if commit is None
            else _CommitSide(repo, reader, name, commit, *(found[commit][of_name] for of_name in _NAMES))
            for name, commit in named
        ]


def resolve_sides(git: GitRepo, revs: Iterable[str]) -> list[NamedSide]:
    """The sides that the user named: revisions and `workspace`. Raises UsageError for an unknown revision."""
    return [(rev, None if rev == WORKSPACE else revisions.resolve(git, rev)) for rev in revs]


def sides_in_scope(git: GitRepo, revs: Sequence[str], scope: RevisionScope) -> list[NamedSide]:
    """The sides of `revs` and `scope`, each commit once with all of its names. The workspace comes first if `scope`
    covers many commits, and alone by default."""
    found: dict[CommitId | None, list[str]] = {None: [WORKSPACE]} if scope.many or not revs else {}
    for name, commit in resolve_sides(git, revs):
        found.setdefault(commit, []).append(name)
    for name, tip in branch_and_tag_tips(git, branches=scope.all_branches, tags=scope.all_tags):
        found.setdefault(tip, []).append(name)
    for commit in revisions.commits(git, all_commits=True) if scope.all_commits else ():
        found.setdefault(commit, [commit[:_SHORT]])
    return [(", ".join(dict.fromkeys(names)), commit) for commit, names in found.items()]


@dataclass(frozen=True)
class _WorkspaceSide:
    """The files in the workspace."""

    repo: Repository
    name: str = WORKSPACE

    @cached_property
    def pipelines(self) -> Mapping[str, PipelineFile | DverError]:
        return pipelines_of_workspace(self.repo)

    def read(self, path: str) -> bytes:
        absolute = self.repo.layout.absolute(os.fsencode(path))
        try:
            status = os.stat(absolute)
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{self._shown(path)!r} is not a file")
            _refuse_large(self._shown(path), status.st_size)
            return read_regular(absolute)
        except (FileNotFoundError, NotADirectoryError):
            raise FileMissingError(
                f"{self._shown(path)!r} is not in the workspace",
                fix="run `dver repro` for outputs, `dver checkout` for stored data",
            ) from None
        except OSError as error:
            raise UsageError(f"{self._shown(path)!r} cannot be read", why=error.strerror) from error

    def below(self, path: str) -> list[str] | None:
        top = self.repo.layout.absolute(os.fsencode(path))
        if not os.path.isdir(top):
            return None
        found: list[str] = []
        for folder, folders, names in os.walk(top):
            folders[:] = sorted(one for one in folders if one != b".git")
            found += [os.fsdecode(os.path.relpath(os.path.join(folder, name), self.repo.layout.top)) for name in names]
            _refuse_many(self._shown(path), found)
        return sorted(found)

    def _shown(self, path: str) -> str:
        return self.repo.layout.shown(os.fsencode(path))


@dataclass(frozen=True)
class _CommitSide:
    """The files of a commit: in Git, or recorded in its lock files and pointers.

    A directory without a `dver.yaml` uses DVC's `dvc.yaml`.
    """

    repo: Repository
    reader: CommitReader
    name: str
    commit: CommitId
    files: Sequence[bytes]
    locks: Sequence[bytes]
    files_of_dvc: Sequence[bytes]
    locks_of_dvc: Sequence[bytes]

    @cached_property
    def pipelines(self) -> Mapping[str, PipelineFile | DverError]:
        folders = {os.path.dirname(path) for path in self.files}
        files_of_dvc = (path for path in self.files_of_dvc if os.path.dirname(path) not in folders)
        return pipelines_of_commit(self.repo, [*self.files, *files_of_dvc], self._content, self._is_folder)

    def read(self, path: str) -> bytes:
        content = self._content(os.fsencode(path))
        if content is not None:
            return content
        entry = self._stored(path)
        if entry is None and (content := self._of_dvc.read(path)) is not None:
            return content
        if entry is None:
            raise FileMissingError(f"{self._shown(path)!r} does not exist at {self.name}")
        if entry.kind in (Kind.DIRECTORY, Kind.SYMLINK):
            raise UsageError(f"{self._shown(path)!r} is not a file at {self.name}")
        _refuse_large(self._shown(path), entry.size)
        with self._errors_explained(path):
            return self.repo.store.read(entry.oid)

    def below(self, path: str) -> list[str] | None:
        if self._is_folder(os.fsencode(path)):
            return sorted(self._in_git(path))
        entry = self._stored(path)
        if entry is None:
            return self._of_dvc.below(path)
        if entry.kind is not Kind.DIRECTORY:
            return None
        found: list[str] = []
        with self._errors_explained(path):
            for inner, one in leaves(entry, self.repo.store.tree, path=os.fsencode(path)):
                if one.kind is not Kind.DIRECTORY:
                    found.append(os.fsdecode(inner))
                    _refuse_many(self._shown(path), found)
        return sorted(found)

    # -- in Git

    def _content(self, path: bytes) -> bytes | None:
        try:
            return self.reader.read(self.commit, path, limit=IN_MEMORY_MAX)
        except TooLargeError as error:
            raise _too_large(self._shown(os.fsdecode(path)), error.size) from None

    def _is_folder(self, path: bytes) -> bool:
        with suppress(TooLargeError):
            return self.reader.names(self.commit, path, limit=_NAME_SIZE) is not None
        return True

    def _in_git(self, path: str) -> list[str]:
        found: list[str] = []
        folders = [path]
        while folders:
            folder = folders.pop()
            try:
                names = self.reader.names(self.commit, os.fsencode(folder), limit=_NAME_SIZE)
            except TooLargeError as error:
                raise _too_large(self._shown(folder), error.size) from None
            if names is None:
                found.append(folder)
            else:
                folders += [os.path.join(folder, os.fsdecode(name)) for name in names]
            _refuse_many(self._shown(path), found)
        return found

    # -- in the store

    @cached_property
    def _outs(self) -> Mapping[str, Entry]:
        """The outputs in the lock files of the commit, by path."""
        return {
            os.fsdecode(one.path): one.entry
            for path in self.locks
            for one in data_named_by(self.repo, path, "", self._content(path) or b"")
        }

    @cached_property
    def _of_dvc(self) -> DvcFiles:
        return DvcFiles(os.fsdecode(self.repo.layout.top), self.locks_of_dvc, self.pipelines, self._content)

    @cached_property
    def _tracked(self) -> Mapping[bytes, TrackedData]:
        return tracked_in_commit(self.repo, self.commit)

    def _stored(self, path: str) -> Entry | None:
        """The entry that the commit records for a path."""
        above = path
        inside: list[str] = []
        while above:
            if above in self._outs:
                return self._found(path, self._outs[above], [os.fsencode(name) for name in reversed(inside)])
            above, name = os.path.split(above)
            inside.append(name)
        target: Target | None = target_containing(self._tracked, os.fsencode(path))
        return self._found(path, target.tracked.entry, target.inside) if target is not None else None

    def _found(self, path: str, entry: Entry, inside: Sequence[bytes]) -> Entry | None:
        with self._errors_explained(path):
            return find(entry, tuple(inside), self.repo.store.tree)

    @contextmanager
    def _errors_explained(self, path: str) -> Iterator[None]:
        shown = self._shown(path)
        rev = self.commit[:_SHORT] if ", " in self.name else self.name
        try:
            yield
        except MissingObjectError as error:
            raise MissingObjectError(
                f"the content of {shown!r} at {self.name} is not in the store",
                why="it was never fetched, or it was collected as garbage",
                fix=f"dver fetch --rev {quoted(rev)} {quoted(shown)}",
            ) from error
        except CorruptError as error:
            raise CorruptError(f"the store has a corrupt copy of {shown!r}", why=error.what, fix=error.fix) from error

    def _shown(self, path: str) -> str:
        return self.repo.layout.shown(os.fsencode(path))


def _refuse_large(shown: str, size: int) -> None:
    if size > IN_MEMORY_MAX:
        raise _too_large(shown, size)


def _too_large(shown: str, size: int) -> UsageError:
    return UsageError(f"{shown!r} is too large", why=f"{size:,} bytes; at most {IN_MEMORY_MAX:,} are read")


def _refuse_many(shown: str, found: Sequence[str]) -> None:
    if len(found) > MAX_FILES:
        raise UsageError(
            f"{shown!r} has too many files", why=f"at most {MAX_FILES:,} are read", fix="name single files"
        )
