"""The files of a DVC repository at one commit: Git's files, and the outputs that DVC tracks."""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from dver.access.blob_file import BlobFile
from dver.access.dvc.outputs import DvcHash, DvcListing, DvcOutput, parse_listing
from dver.access.errors import NotADirectory, NotAFile, PathNotFound
from dver.access.files import FileInfo, FileKind, Files
from dver.core.errors import CorruptError, MissingObjectError
from dver.remote.parallel import in_parallel
from dver.remote.storage import MissingKey

if TYPE_CHECKING:
    from dver.remote.storage import Storage

_PIECE: Final = 8 << 20
_MEMORY: Final = 64 << 20
"""The largest file that is kept in memory for reads of ranges, in bytes."""
_TEXT_PIECE: Final = 1 << 20
_SAMPLE: Final = 512
_TEXT: Final = frozenset(range(32, 127)) | frozenset(b"\n\r\t\f\b")
_JOBS: Final = 8


class DvcRepositoryFiles:
    """The files of `git_files`, and of `outputs`. See `dver.access.files.Files`.

    `connect` opens the storages that may have an output, in the order of their use. Files are verified by MD5 as a
    whole. DVC has no hashes of parts, so a range of a file over 64 MiB is not verified.
    """

    def __init__(
        self, git_files: Files, outputs: Mapping[str, DvcOutput], connect: Callable[[DvcOutput], Sequence[Storage]]
    ) -> None:
        self._git = git_files
        self._outputs = outputs
        self._connect = connect
        self._lock = threading.RLock()
        self._storages: dict[str, Sequence[Storage]] = {}
        self._trees: dict[str, dict[str, FileInfo]] = {}
        self._hashes: dict[str, tuple[DvcHash, DvcOutput]] = {}
        self._last: tuple[str, bytes] = ("", b"")
        self._above = _directories(outputs)

    @property
    def commit(self) -> str | None:
        """See `Files`."""
        return self._git.commit

    def close(self) -> None:
        """See `Files`."""
        self._git.close()

    # -- names

    def info(self, path: str) -> FileInfo:
        """See `Files`."""
        path = _normal(path)
        output = self._output_at(path)
        if output is not None:
            found = self._tree(output).get(path)
            if found is None:
                raise self._not_found(path)
            return found
        try:
            return self._git.info(path)
        except PathNotFound:
            if path in self._above:
                return FileInfo(path, "directory", 0)
            raise self._not_found(path) from None

    def ls(self, path: str = "") -> Sequence[FileInfo]:
        """See `Files`."""
        path = _normal(path)
        info = self.info(path)
        if info.kind != "directory":
            raise NotADirectory(f"{path!r} is not a directory", why=f"it is a {info.kind}", fix="name its directory")
        output = self._output_at(path)
        if output is not None:
            found = (one for one in self._tree(output).values() if one.path != path)
            return sorted((one for one in found if posixpath.dirname(one.path) == path), key=_name)
        return sorted(self._mixed(path).values(), key=_name)

    def _mixed(self, path: str) -> dict[str, FileInfo]:
        """The entries of a directory of Git's, and the outputs in it."""
        try:
            entries = {info.path: info for info in self._git.ls(path)}
        except PathNotFound:
            entries = {}
        for name in self._above.get(path, ()):
            inner = posixpath.join(path, name)
            if inner in self._outputs or inner not in entries:
                entries[inner] = self._top(self._outputs[inner]) if inner in self._outputs else self.info(inner)
        return entries

    def walk(self, path: str = "") -> Iterator[FileInfo]:
        """See `Files`."""
        for info in self.ls(path):
            yield info
            if info.kind == "directory":
                yield from self.walk(info.path)

    def _output_at(self, path: str) -> DvcOutput | None:
        """The output that is at `path`, or contains it."""
        while path:
            if path in self._outputs:
                return self._outputs[path]
            path = posixpath.dirname(path)
        return None

    def _top(self, output: DvcOutput) -> FileInfo:
        kind: FileKind = "directory" if output.hash.is_directory else "file"
        return FileInfo(output.path, kind, output.size, executable=output.executable, tracked=True)

    def _tree(self, output: DvcOutput) -> dict[str, FileInfo]:
        """All paths at and below an output. Downloads the listing of a directory, once."""
        with self._lock:
            if output.path not in self._trees:
                self._trees[output.path] = self._read_tree(output)
            return self._trees[output.path]

    def _read_tree(self, output: DvcOutput) -> dict[str, FileInfo]:
        self._hashes[output.path] = (output.hash, output)
        found = {output.path: self._top(output)}
        for name, (hashed, executable) in self._listing(output).files.items():
            path = posixpath.join(output.path, name)
            self._hashes[path] = (hashed, output)
            found[path] = FileInfo(path, "file", None, executable=executable, tracked=True)
            above = posixpath.dirname(path)
            while above not in found:
                found[above] = FileInfo(above, "directory", None, tracked=True)
                above = posixpath.dirname(above)
        return found

    def _listing(self, output: DvcOutput) -> DvcListing:
        if not output.hash.is_directory:
            return DvcListing()
        content = b"".join(self._verified(output.hash, output))
        return parse_listing(content, is_legacy=output.hash.is_legacy)

    # -- contents

    def read(self, path: str) -> bytes:
        """See `Files`."""
        return b"".join(self.pieces(path))

    def read_link(self, path: str) -> bytes:
        """See `Files`."""
        if self._output_at(_normal(path)) is None:
            return self._git.read_link(path)
        raise NotAFile(f"{path!r} is not a link", why="DVC tracks no links", fix="read it instead")

    def pieces(self, path: str) -> Iterator[bytes]:
        """See `Files`."""
        path = _normal(path)
        if self._output_at(path) is None:
            return self._git.pieces(path)
        return self._verified(*self._file_at(path))

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """See `Files`, and the class: a range of a large file is not verified."""
        path = _normal(path)
        if self._output_at(path) is None:
            return self._git.read_range(path, start, length)
        if self._size(path) <= _MEMORY:
            return self._whole(path)[start : start + length]
        hashed, output = self._file_at(path)
        return self._get(hashed, output, start, length)

    def open(self, path: str) -> io.RawIOBase:
        """See `Files`."""
        if self._output_at(_normal(path)) is None:
            return self._git.open(path)
        return BlobFile(lambda start, length: self.read_range(path, start, length), self._size(_normal(path)), path)

    def read_many(self, files: Sequence[FileInfo]) -> Iterator[tuple[FileInfo, bytes]]:
        """See `Files`."""
        with closing(in_parallel(lambda info: self.read(info.path), files, jobs=_JOBS)) as contents:
            yield from zip(files, contents, strict=True)

    def _size(self, path: str) -> int:
        hashed, output = self._file_at(path)
        known = self.info(path).size
        if known is not None:
            return known
        for storage in self._storages_of(output):
            if (found := storage.stat(hashed.key)) is not None:
                return found.size
        raise _missing(output, hashed.key)

    def _whole(self, path: str) -> bytes:
        with self._lock:
            if self._last[0] != path:
                self._last = (path, self.read(path))
            return self._last[1]

    def _file_at(self, path: str) -> tuple[DvcHash, DvcOutput]:
        if self.info(path).kind == "directory":
            raise NotAFile(f"{path!r} is a directory", why="only a file can be read", fix="name a file in it")
        return self._hashes[path]

    def _verified(self, hashed: DvcHash, output: DvcOutput) -> Iterator[bytes]:
        """The content of an object in order. Raises CorruptError with the last piece if it was wrong."""
        hashers = [_Md5(), _Md5OfText()] if hashed.is_legacy and not hashed.is_directory else [_Md5()]
        start, piece = 0, b""
        while not start or len(piece) == _PIECE:
            piece = self._get(hashed, output, start, _PIECE)
            for hasher in hashers:
                hasher.update(piece)
            start += len(piece)
            yield piece
            if not piece:
                break
        if hashed.md5 not in [hasher.hexdigest() for hasher in hashers]:
            raise CorruptError(
                f"the content of {output.path!r} on the remote is damaged",
                why=f"its MD5 is not {hashed.md5}",
                fix="in a clone that has it: dvc push, after the damaged file is deleted on the remote",
            )

    def _get(self, hashed: DvcHash, output: DvcOutput, start: int, length: int) -> bytes:
        for storage in self._storages_of(output):
            with suppress(MissingKey):
                return storage.get(hashed.key, start, length)
        raise _missing(output, hashed.key)

    def _storages_of(self, output: DvcOutput) -> Sequence[Storage]:
        with self._lock:
            if output.path not in self._storages:
                self._storages[output.path] = self._connect(output)
            return self._storages[output.path]

    def _not_found(self, path: str) -> PathNotFound:
        return PathNotFound(
            f"{path!r} does not exist at {str(self.commit)[:12]}",
            why="neither Git nor DVC has it",
            fix="check the path and the revision",
        )


class _Md5:
    """The MD5 of bytes."""

    def __init__(self) -> None:
        self._hash = hashlib.md5(usedforsecurity=False)

    def update(self, piece: bytes) -> None:
        self._hash.update(piece)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class _Md5OfText(_Md5):
    """The MD5 by which DVC before 3.0 named files: of text, with the line ends of Unix, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self._rest = b""
        self._is_text: bool | None = None

    def update(self, piece: bytes) -> None:
        if self._is_text is None:
            self._is_text = _is_text(piece[:_SAMPLE])
        content = self._rest + piece
        whole = len(content) - len(content) % _TEXT_PIECE
        for at in range(0, whole, _TEXT_PIECE):
            super().update(self._converted(content[at : at + _TEXT_PIECE]))
        self._rest = content[whole:]

    def hexdigest(self) -> str:
        super().update(self._converted(self._rest))
        self._rest = b""
        return super().hexdigest()

    def _converted(self, piece: bytes) -> bytes:
        return piece.replace(b"\r\n", b"\n") if self._is_text else piece


def _is_text(sample: bytes) -> bool:
    """DVC's test: no zero byte, and at most 30 % of unusual bytes."""
    return b"\0" not in sample and 10 * sum(byte not in _TEXT for byte in sample) <= 3 * len(sample)


def _missing(output: DvcOutput, what: str) -> MissingObjectError:
    if output.source is not None:
        return MissingObjectError(
            f"{output.path!r} is not on the remote",
            why=f"it is imported from {output.source}, and DVC pushes no imports",
            fix=f"get it from there: dver list {output.source}",
        )
    return MissingObjectError(
        f"the content of {output.path!r} is not on the remote",
        why=f"there is no {what}: it was never pushed, or was deleted",
        fix="in a clone that has it: dvc push",
    )


def _directories(outputs: Mapping[str, DvcOutput]) -> dict[str, set[str]]:
    """The directories above outputs, and the names in them that lead to outputs."""
    found: dict[str, set[str]] = {}
    for path in outputs:
        while path:
            path, name = posixpath.split(path)
            found.setdefault(path, set()).add(name)
    return found


def _normal(path: str) -> str:
    normal = posixpath.normpath(path.strip("/"))
    if normal.split("/")[0] == "..":
        raise PathNotFound(f"{path!r} is outside of the repository", fix="name a path in it")
    return "" if normal == "." else normal


def _name(info: FileInfo) -> bytes:
    return os.fsencode(info.name)
