"""The fsspec filesystem `dver://`."""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.spec import AbstractFileSystem
from fsspec.utils import isfilelike, stringify_path

from dver.access.data_urls import PREFIX, parse_data_url, parse_model_url
from dver.access.files import FileInfo
from dver.access.large_directory import LargeDirectory
from dver.access.objects import Verify
from dver.access.reopened_files import ReopenedFiles
from dver.access.repositories import FilesAddress, locate_files
from dver.access.rooted_files import RootedAddress
from dver.core.files import temporary_name
from dver.fs.errors import as_os_errors
from dver.fs.file import DverFile
from dver.remote.parallel import in_parallel
from dver.repo import Repository

_MISSING: Final = (FileNotFoundError, NotADirectoryError)
_TIMES: Final = 2**31 * 10**6
"""Microseconds from 1970 to 2038."""
_FSSPEC_OPTIONS: Final = {
    "asynchronous",
    "batch_size",
    "listings_expiry_time",
    "loop",
    "max_paths",
    "skip_instance_cache",
    "use_listings_cache",
}
"""Options of every filesystem. Any other one is a mistake, such as `revision`, and would read another version."""
_JOBS: Final = 8
"""Reads of `cat` and `cat_ranges` at once."""


_CachedInstances: Any = type(AbstractFileSystem)


class _ResolvedOptions(_CachedInstances):
    """Makes filesystems from resolved options, since fsspec keeps each instance by its options.

    So another current directory, or a branch that has moved, gets another instance. An instance of the worktree reads
    the pointers anew whenever it is asked for.
    """

    def __call__(
        cls,
        repo: str | os.PathLike[str] | None = None,
        rev: str | None = None,
        remote: str | None = None,
        verify: Verify | None = None,
        model: str | None = None,
        root: str = "",
        **options: Any,
    ) -> Any:
        if unknown := options.keys() - _FSSPEC_OPTIONS:
            raise TypeError(f"unknown option {min(unknown)!r} of dver://: use repo, rev, model, remote and verify")
        if model is not None and (rev is not None or root):
            raise TypeError("use either rev or model: a model names a revision")
        with as_os_errors():
            if model is not None:
                address, root = _model_address(repo, model, remote, verify)
            else:
                address = locate_files(repo, rev=rev, remote=remote, verify=verify)
            if repo is None:  # a directory without a project might be taken for a repository to mirror
                Repository.open(Path(address.repo)).close()
        filesystem = super().__call__(
            repo=address.repo, rev=address.commit, remote=remote, verify=verify, root=root, **options
        )
        if address.commit is None:
            filesystem.invalidate_cache()
        return filesystem


def _model_address(
    repo: str | os.PathLike[str] | None, model: str, remote: str | None, verify: Verify | None
) -> tuple[FilesAddress, str]:
    """The repository of a model at the commit of its version, and the path of the model. Compares its content."""
    from dver.models.located import locate_version  # slow to import, and few reads name a model

    found = locate_version(repo, model, cwd=Path.cwd(), remote=remote, verify=verify)
    found.files().close()
    rooted = found.files_address
    return rooted.address, rooted.root


class DverFileSystem(AbstractFileSystem, metaclass=_ResolvedOptions):
    """The files of a repository at a revision, read-only.

    `repo` is a directory or the address of a Git repository, by default the project around the current directory.
    Without `rev`: the pointers on disk and the worktree. `remote` replaces the remotes that pointers name.
    `verify="full"` refuses parts of large files until the whole file was verified once. With `model`, such as
    `churn#prod`, the root is that version of a model; `root` is the path of a directory or file to be the root.
    """

    protocol = "dver"
    root_marker = ""

    def __init__(
        self,
        repo: str,
        rev: str | None = None,
        remote: str | None = None,
        verify: Verify | None = None,
        root: str = "",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.repo: Final = repo
        self.rev: Final = rev
        self.remote: Final = remote
        self.verify: Final = verify
        self.root: Final = root
        self.invalidate_cache()

    @property
    def fsid(self) -> str:
        """The repository and the commit."""
        return f"dver-{self.repo}@{self.rev or ''}" + (f":{self.root}" if self.root else "")

    def invalidate_cache(self, path: str | None = None) -> None:
        """Read pointers and lists of files again when they are next needed."""
        with as_os_errors():
            address = locate_files(self.repo, rev=self.rev, remote=self.remote, verify=self.verify)
            self._files = ReopenedFiles(RootedAddress(address, self.root) if self.root else address)

    # -- paths

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = stringify_path(path)
        if text.startswith(PREFIX):
            inside = (parse_model_url(text) or parse_data_url(text)).path
        else:
            inside = text.removeprefix("dver::")
        inside = posixpath.normpath(inside.strip("/")) if inside else ""
        return "" if inside == "." else inside

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        if (model := parse_model_url(path)) is not None:
            return {"model": model.reference} | ({} if model.repo is None else {"repo": model.repo})
        address = parse_data_url(path)
        return {} if address.repo is None or address.rev is None else {"repo": address.repo, "rev": address.rev}

    def _path(self, path: Any) -> str:
        """The path inside of the repository. Refuses the URL of another repository."""
        text = stringify_path(path)
        options = self._get_kwargs_from_urls(text) if text.startswith(PREFIX) else {}
        if options and type(self)(remote=self.remote, verify=self.verify, **options) != self:
            raise OSError(
                errno.EINVAL,
                f"{text!r} is not in this filesystem\nwhy: it is of {self.repo} at {self.rev or 'the worktree'}\n"
                f"fix: fsspec.filesystem('dver', repo={options['repo']!r}, rev={options['rev']!r})",
            )
        stripped: str = self._strip_protocol(text)
        return stripped

    # -- names

    def info(self, path: Any, **_: Any) -> dict[str, Any]:
        """Name, size, type and oid. Of a link: those of the file that it leads to."""
        with as_os_errors():
            found = self._files.info(self._path(path))
            size = found.size
            if found.kind == "link" or (found.kind == "file" and size is None):
                with self._files.open(found.path) as file:
                    return _described(found, kind="file", size=file.seek(0, os.SEEK_END))
            return _described(found)

    def ls(self, path: Any, detail: bool = True, **_: Any) -> list[Any]:
        """The entries of a directory, or a file alone."""
        inside = self._path(path)
        try:
            with as_os_errors():
                entries: Sequence[FileInfo] = self._files.ls(inside)
        except NotADirectoryError:
            return [self.info(inside)] if detail else [inside]
        if detail:
            return [_described(one) for one in entries]
        return entries.paths() if isinstance(entries, LargeDirectory) else [one.path for one in entries]

    def walk(
        self, path: Any, maxdepth: int | None = None, topdown: bool = True, on_error: Any = "omit", **options: Any
    ) -> Iterator[Any]:
        """See fsspec. `omit` omits missing directories, never those that a remote fails to deliver."""
        handler = _raise_unless_missing if on_error == "omit" else on_error
        yield from super().walk(path, maxdepth=maxdepth, topdown=topdown, on_error=handler, **options)

    def exists(self, path: Any, **_: Any) -> bool:
        """Does the path exist? Raises OSError if that cannot be found out."""
        return self._kind(path) is not None

    def isdir(self, path: Any) -> bool:
        """Is it a directory?"""
        return self._kind(path) == "directory"

    def isfile(self, path: Any) -> bool:
        """Is it a file?"""
        return self._kind(path) == "file"

    def _kind(self, path: Any) -> str | None:
        try:
            return str(self.info(path)["type"])
        except _MISSING:
            return None

    def ukey(self, path: Any) -> str:
        """A text that differs whenever the content differs."""
        info = self.info(path)
        if info["oid"] is not None or info["type"] == "directory":
            return str(info["oid"] or hashlib.sha256(repr((self.fsid, info)).encode()).hexdigest())
        return hashlib.sha256(self.cat_file(path)).hexdigest()

    def checksum(self, path: Any) -> int:
        """A number that differs whenever the content differs."""
        return int.from_bytes(hashlib.sha256(self.ukey(path).encode()).digest()[:16], "big")

    def modified(self, path: Any) -> datetime:
        """A time that differs whenever the content differs; versions of data have no times of their own.

        DuckDB keeps contents in memory by name and time.
        """
        return datetime.fromtimestamp((self.checksum(path) >> 64) % _TIMES / 1e6, UTC)

    # -- contents

    def _open(self, path: str, mode: str = "rb", **_: Any) -> DverFile:
        if mode != "rb":
            _read_only()
        with as_os_errors():
            return DverFile(self, path, self._files.open(path))

    def open(self, path: Any, mode: str = "rb", **options: Any) -> Any:
        """Open a file for reading. See fsspec."""
        return super().open(self._path(path), mode, **options)

    def cat_file(self, path: Any, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """The content of a file, verified as a whole; or a part of it, with limits as of a slice."""
        inside = self._path(path)
        with as_os_errors():
            if start is None and end is None:
                return self._files.read(inside)
            if (start or 0) < 0 or end is None or end < 0:
                start, end, _step = slice(start, end).indices(int(self.info(inside)["size"]))
            return self._files.read_range(inside, start or 0, max(0, end - (start or 0)))

    def cat_ranges(
        self,
        paths: list[Any],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        on_error: str = "return",
        **_: Any,
    ) -> list[Any]:
        """The contents of ranges, read in parallel. With `on_error="return"`, errors instead of contents."""
        if not isinstance(paths, list):
            raise TypeError("paths must be a list")
        lists = [one if isinstance(one, list) else [one] * len(paths) for one in (starts, ends)]
        jobs = [partial(self.cat_file, *one) for one in zip(paths, *lists, strict=True)]
        return list(in_parallel(partial(_call, on_error=on_error), jobs, jobs=_JOBS))

    def get_file(
        self, rpath: Any, lpath: Any = None, callback: Any = DEFAULT_CALLBACK, outfile: Any = None, **_: Any
    ) -> None:
        """Download a file, verified as a whole. A failed download leaves no file."""
        inside = self._path(rpath)
        target = lpath if outfile is None and isfilelike(lpath) else outfile
        if target is not None:
            self._copy_to(inside, target.write, callback)
        elif self.isdir(inside):
            os.makedirs(lpath, exist_ok=True)
        else:
            folder = os.path.dirname(os.path.abspath(lpath))
            os.makedirs(folder, exist_ok=True)
            temporary = os.path.join(folder, temporary_name("get"))
            try:
                with open(temporary, "wb") as file:
                    self._copy_to(inside, file.write, callback)
                os.replace(temporary, lpath)
            finally:
                if os.path.lexists(temporary):
                    os.unlink(temporary)

    def _copy_to(self, path: str, write: Callable[[bytes], Any], callback: Any) -> None:
        with as_os_errors():
            callback.set_size(self.info(path)["size"])
            for piece in self._files.pieces(path):
                write(piece)
                callback.relative_update(len(piece))

    # -- changes, which are refused

    def _refused(self, *_: Any, **__: Any) -> NoReturn:
        _read_only()

    mkdir = makedirs = rmdir = rm_file = _rm = rm = cp_file = copy = mv = pipe_file = put_file = touch = _refused


def _described(info: FileInfo, *, kind: str | None = None, size: int | None = None) -> dict[str, Any]:
    """The info as fsspec has it."""
    return {
        "name": info.path,
        "size": info.size if size is None else size,
        "type": kind or info.kind,
        "oid": None if info.oid is None else str(info.oid),
    }


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, _MISSING):
        raise error


def _call(job: Callable[[], bytes], *, on_error: str) -> bytes | OSError:
    try:
        return job()
    except OSError as error:
        if on_error != "return":
            raise
        return error


def _read_only() -> NoReturn:
    raise OSError(
        errno.EROFS,
        "dver:// is read-only\nwhy: data changes in a project, with a commit\n"
        "fix: write a file in a project, then run `dver add`",
    )
