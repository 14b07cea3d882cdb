"""The files of a dver project at one revision."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Final

from dver.access.blob_file import BlobFile
from dver.access.content_cache import ContentCache
from dver.access.errors import NotADirectory, NotAFile, PathNotFound
from dver.access.files import FileInfo
from dver.access.git_files import GitFile, PathTree, files_of_commit, files_of_worktree
from dver.access.large_directory import infos_of
from dver.access.objects import BlobRef, ObjectReader, Verify
from dver.access.workspace_files import UnchangedFiles
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.git.pointers import in_commit, read_blobs
from dver.project.git_projects import owning_project
from dver.repo import Repository
from dver.tracking.targets import Target, TrackedData, decode_files, target_containing, tracked_in_worktree

_LINKS: Final = 40
"""Links that are followed for one path, as in Linux."""
_GIT_FILE_MAX: Final = 1 << 30
"""Bytes of the largest file of Git that is read."""


class ProjectFiles:
    """The files of `repo` at `commit`, or as the pointers on disk and the worktree have them if `commit` is None.

    See `dver.access.files.Files`. `base` is the directory that paths are relative to. `remote` replaces the remotes
    that pointers name. `projects` are the projects of the repository by directory, by default `repo` alone.
    `fetch_git_blobs` makes Git's blobs available before they are read.
    """

    def __init__(
        self,
        repo: Repository,
        commit: str | None,
        cache: ContentCache,
        *,
        base: bytes = b"",
        remote: str | None = None,
        projects: Mapping[bytes, Repository] | None = None,
        fetch_git_blobs: Callable[[Sequence[str]], None] = lambda ids: None,
        verify: Verify = "ranges",
    ) -> None:
        self._repo = repo
        self._commit = commit
        self._cache = cache
        self._base = base
        self._remote = remote
        self._projects = {repo.layout.prefix: repo} if projects is None else projects
        self._fetch_git_blobs = fetch_git_blobs
        self._verify = verify
        self._lock = threading.RLock()
        self._readers: dict[tuple[bytes, str | None], ObjectReader] = {}

    @property
    def commit(self) -> str | None:
        """See `Files`."""
        return self._commit

    def close(self) -> None:
        """See `Files`."""
        self._readers.clear()
        for repo in (self._repo, *self._projects.values()):
            repo.close()

    # -- names

    def info(self, path: str) -> FileInfo:
        """See `Files`."""
        return self._info(self._absolute(path), path)

    def ls(self, path: str = "") -> Sequence[FileInfo]:
        """See `Files`."""
        absolute = self._absolute(path)
        info = self._info(absolute, path)
        if info.kind != "directory":
            raise NotADirectory(f"{path!r} is not a directory", why=f"it is a {info.kind}", fix="name its directory")
        return self._entries(absolute)

    def walk(self, path: str = "") -> Iterator[FileInfo]:
        """See `Files`."""
        for info in self.ls(path):
            yield info
            if info.kind == "directory":
                yield from self.walk(info.path)

    def _entries(self, absolute: bytes) -> Sequence[FileInfo]:
        target = target_containing(self._tracked, absolute) if absolute else None
        if target is not None:
            entry = self._entry(target.tracked, target.inside)
            assert entry is not None
            shown = self._shown(absolute)
            return self._reader(target.tracked).listing(entry.oid, "" if shown == "." else f"{shown}/")
        names = sorted(self._tree.directories[absolute])
        return [self._info(os.path.join(absolute, name), "") for name in names]

    def _info(self, absolute: bytes, typed: str) -> FileInfo:
        target = target_containing(self._tracked, absolute) if absolute else None  # first: Git's list may be long
        if target is not None:
            entry = self._entry(target.tracked, target.inside)
            if entry is None:
                raise self._not_found(typed)
            return self._of_entry(absolute, entry)
        if absolute in self._tree.directories:
            return FileInfo(self._shown(absolute), "directory", 0)
        if (file := self._git_files.get(absolute)) is not None:
            return self._of_git_file(absolute, file)
        raise self._not_found(typed)

    def _of_entry(self, absolute: bytes, entry: Entry) -> FileInfo:
        (info,) = infos_of("", (entry,))
        return replace(info, path=self._shown(absolute))

    def _of_git_file(self, absolute: bytes, file: GitFile) -> FileInfo:
        size = None
        if self._commit is None:
            with suppress(OSError):
                size = os.lstat(self._repo.layout.absolute(absolute)).st_size
        return FileInfo(self._shown(absolute), "link" if file.is_link else "file", size, executable=file.executable)

    def _entry(self, tracked: TrackedData, inside: Sequence[bytes]) -> Entry | None:
        """The entry at the names `inside` below tracked data; None if there is none."""
        entry: Entry | None = tracked.entry
        for name in inside:
            if entry is None or entry.kind is not Kind.DIRECTORY:
                return None
            entry = self._reader(tracked).entries(entry.oid, (name,)).get(name)
        return entry

    # -- tracked data

    def target(self, path: str) -> Target | None:
        """The tracked data at `path`, or the directory of it that contains `path`."""
        absolute = self._absolute(path)
        return target_containing(self._tracked, absolute) if absolute else None

    def entry(self, target: Target) -> Entry:
        """The entry of a file or directory in tracked data. Raises PathNotFound."""
        entry = self._entry(target.tracked, target.inside)
        if entry is None:
            raise self._not_found(os.fsdecode(target.path))
        return entry

    def project_of(self, tracked: TrackedData) -> Repository:
        """The project that tracks the data."""
        project = self._project(tracked.source)
        assert project is not None
        return self._projects[project]

    # -- contents

    def read(self, path: str) -> bytes:
        """See `Files`."""
        return b"".join(self.pieces(path))

    def read_link(self, path: str) -> bytes:
        """See `Files`."""
        absolute = self._absolute(path)
        info = self._info(absolute, path)
        if info.kind != "link":
            raise NotAFile(f"{path!r} is not a link", why=f"it is a {info.kind}", fix="read it instead")
        return self._target(info, absolute)

    def pieces(self, path: str) -> Iterator[bytes]:
        """See `Files`."""
        info, absolute = self._file_at(path)
        if info.oid is None or info.size is None:
            return iter((self._git_content(absolute),))
        return self._reader_at(absolute).pieces(BlobRef(info.oid, info.size))

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """See `Files`."""
        return self._range_reader(*self._file_at(path))(start, length)

    def open(self, path: str) -> io.RawIOBase:
        """See `Files`."""
        info, absolute = self._file_at(path)
        if info.oid is None or info.size is None:
            content = self._git_content(absolute)
            return BlobFile(lambda start, length: content[start : start + length], len(content), path)
        unchanged = self._unchanged_path(absolute, info.oid)
        if unchanged is not None:
            return io.FileIO(unchanged)
        return BlobFile(self._range_reader(info, absolute), info.size, path, lambda: b"".join(self.pieces(path)))

    def read_many(self, files: Sequence[FileInfo]) -> Iterator[tuple[FileInfo, bytes]]:
        """See `Files`."""
        for run in _runs(files, self._reader_key):
            blobs = [BlobRef(one.oid, one.size) for one in run if one.oid is not None and one.size is not None]
            if not blobs:
                self._fetch_git_blobs([self._git_files[self._absolute(one.path)].blob for one in run])
            if len(blobs) == len(run):
                reader = self._reader_at(self._absolute(run[0].path))
                yield from zip(run, reader.read_many(blobs), strict=True)
            else:
                yield from ((one, self.read(one.path)) for one in run)

    def _range_reader(self, info: FileInfo, absolute: bytes) -> Callable[[int, int], bytes]:
        if info.oid is None or info.size is None:
            content = self._git_content(absolute)
            return lambda start, length: content[start : start + length]
        unchanged = self._unchanged_path(absolute, info.oid)
        if unchanged is not None:
            return _FileRange(unchanged)
        reader, blob = self._reader_at(absolute), BlobRef(info.oid, info.size)
        return lambda start, length: reader.read_range(blob, start, length)

    def _file_at(self, path: str) -> tuple[FileInfo, bytes]:
        """The file at `path`, after links, and its path from the top."""
        absolute = self._absolute(path)
        for _ in range(_LINKS):
            info = self._info(absolute, path)
            if info.kind == "directory":
                raise NotAFile(f"{path!r} is a directory", why="only a file can be read", fix="name a file in it")
            if info.kind == "file":
                return info, absolute
            absolute = self._target_of(info, absolute, path)
        raise PathNotFound(f"cannot read {path!r}", why="its links lead in a circle", fix="name another file")

    def _target_of(self, info: FileInfo, absolute: bytes, typed: str) -> bytes:
        target = self._target(info, absolute)
        joined = os.path.normpath(os.path.join(os.path.dirname(absolute), target))
        if os.path.isabs(target) or joined.split(b"/")[0] == b"..":
            raise PathNotFound(
                f"cannot read {typed!r}",
                why=f"it is a link to {os.fsdecode(target)!r}, outside of the repository",
                fix="name another file",
            )
        return joined

    def _target(self, info: FileInfo, absolute: bytes) -> bytes:
        if info.oid is not None:
            return self._reader_at(absolute).read(BlobRef(info.oid, info.size or 0))
        if self._git_files[absolute].blob:
            return self._git_content(absolute)
        return os.readlink(self._repo.layout.absolute(absolute))

    # -- files of Git

    def _git_content(self, absolute: bytes) -> bytes:
        file = self._git_files[absolute]
        if not file.blob:
            with open(self._repo.layout.absolute(absolute), "rb") as opened:
                return opened.read()
        self._fetch_git_blobs((file.blob,))
        return read_blobs(self._repo.git, (file.blob,), _GIT_FILE_MAX)[file.blob]

    # -- services

    @cached_property
    def _tracked(self) -> Mapping[bytes, TrackedData]:
        if self._commit is None:
            return tracked_in_worktree(self._repo)
        files = in_commit(self._repo.git, self._commit, self._repo.layout.prefix)
        return decode_files(self._repo, {path: one for path, one in files.items() if self._project(path) is not None})

    @cached_property
    def _git_files(self) -> Mapping[bytes, GitFile]:
        git = self._repo.git
        return files_of_worktree(git) if self._commit is None else files_of_commit(git, self._commit)

    @cached_property
    def _tree(self) -> PathTree:
        return PathTree.of((*self._git_files, *self._tracked))

    @cached_property
    def _unchanged(self) -> UnchangedFiles:
        return UnchangedFiles(self._repo)

    def _unchanged_path(self, absolute: bytes, oid: Oid) -> bytes | None:
        if self._commit is not None:
            return None
        with self._lock:
            return self._unchanged.path(absolute, oid)

    def _reader_at(self, absolute: bytes) -> ObjectReader:
        target = target_containing(self._tracked, absolute)
        assert target is not None
        return self._reader(target.tracked)

    def _reader(self, tracked: TrackedData) -> ObjectReader:
        repo, name = self.project_of(tracked), self._remote or tracked.pointer.remote
        key = repo.layout.prefix, name
        with self._lock:
            if key not in self._readers:
                self._readers[key] = ObjectReader(
                    repo.store, self._cache, lambda: repo.remotes.catalog(name), self._lock, self._verify
                )
            return self._readers[key]

    def _project(self, source: bytes) -> bytes | None:
        """The directory of the project with the pointer or lock file `source`."""
        return owning_project(source, self._projects)

    def _reader_key(self, info: FileInfo) -> object:
        """The same for files that one reader reads."""
        if info.oid is None:
            return None
        target = target_containing(self._tracked, self._absolute(info.path))
        return target and (self._project(target.tracked.source), target.tracked.pointer.remote)

    # -- paths

    def _absolute(self, path: str) -> bytes:
        """The path from the top of the repository. Raises PathNotFound for one outside of it."""
        joined = os.path.normpath(os.path.join(self._base, os.fsencode(path).strip(b"/")))
        if joined.split(b"/")[0] == b"..":
            raise PathNotFound(f"{path!r} is outside of the repository", fix="name a path in it")
        return b"" if joined == b"." else joined

    def _shown(self, absolute: bytes) -> str:
        return os.fsdecode(os.path.relpath(absolute, self._base) if self._base else absolute)

    def _not_found(self, path: str) -> PathNotFound:
        at = f" at {self._commit[:12]}" if self._commit else ""
        return PathNotFound(
            f"{path or '.'!r} does not exist{at}",
            why="neither Git nor dver has it",
            fix="check the path and the revision",
        )


class _FileRange:
    """Reads ranges of a file of the workspace."""

    def __init__(self, path: bytes) -> None:
        self._path = path

    def __call__(self, start: int, length: int) -> bytes:
        with open(self._path, "rb", buffering=0) as file:
            file.seek(start)
            return file.read(length)


def _runs(files: Sequence[FileInfo], key: Callable[[FileInfo], object]) -> Iterator[Sequence[FileInfo]]:
    """Runs of files with the same `key`."""
    start = 0
    for at in range(1, len(files) + 1):
        if at == len(files) or key(files[at]) != key(files[start]):
            yield files[start:at]
            start = at
