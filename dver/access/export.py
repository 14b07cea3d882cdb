"""Writes files of a repository to a new file or directory outside of any project."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from dver.access.errors import PathNotFound
from dver.access.files import FileInfo, Files
from dver.core.batches import batched
from dver.core.errors import CorruptError
from dver.core.progress import Task
from dver.core.sparse_files import write_sparsely
from dver.formats.tree import forbidden_name
from dver.remote.parallel import in_parallel

_LARGE: Final = 4 << 20
"""The smallest file that is written piece by piece, in bytes."""
_BATCH: Final = 5000
"""The number of files that are read together."""
_JOBS: Final = 8
_LINKS: Final = 40
_TARGET_MAX: Final = 4095
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@dataclass(slots=True)
class ExportedFiles:
    """What was written: the number of files and links, and bytes of files."""

    files: int = 0
    size: int = 0
    leading_out: int = 0
    """The number of links that lead out of the written directory."""


def find_source(files: Files, path: str) -> FileInfo:
    """The file or directory at `path`, after links. Raises PathNotFound."""
    start = info = files.info(path)
    for _ in range(_LINKS):
        if info.kind != "link":
            return info
        target = os.fsdecode(files.read_link(info.path))
        if target.startswith("/"):
            break
        info = files.info(posixpath.join(posixpath.dirname(info.path), target))
    raise PathNotFound(
        f"cannot read {start.path!r}", why="its links lead in a circle or elsewhere", fix="name another file"
    )


def export(files: Files, source: FileInfo, target: bytes, task: Task) -> ExportedFiles:
    """Write the file or directory `source` to the new path `target`. Nothing is written outside of it."""
    done = ExportedFiles()
    if source.kind == "file":
        task.grow(source.size or 0)
        _write_files(files, [(source, target)], done, task)
        return done
    task.grow(source.size or 0)
    os.mkdir(target)
    prefix = f"{source.path}/" if source.path not in ("", ".") else ""
    for batch in batched(_below(files, source, prefix), _BATCH):
        task.grow(0 if source.tracked else sum(info.size or 0 for info, _ in batch if info.kind == "file"))
        _write_batch(files, [(info, os.path.join(target, name)) for info, name in batch], target, done, task)
    return done


def _below(files: Files, source: FileInfo, prefix: str) -> Iterator[tuple[FileInfo, bytes]]:
    """Everything below a directory, with its path relative to it. Raises CorruptError for a dangerous one."""
    for info in files.walk(source.path):
        name = os.fsencode(info.path.removeprefix(prefix))
        for part in name.split(b"/"):
            if reason := forbidden_name(part):
                raise CorruptError(
                    f"cannot write {info.path!r}",
                    why=f"{reason}, and no file may be there",
                    fix="get other paths of it",
                )
        yield info, name


def _write_batch(
    files: Files, places: Iterable[tuple[FileInfo, bytes]], top: bytes, done: ExportedFiles, task: Task
) -> None:
    plain: list[tuple[FileInfo, bytes]] = []
    for info, target in places:
        if info.kind == "directory":
            os.mkdir(target)
        elif info.kind == "link":
            _write_link(files, info, target, top, done)
        else:
            plain.append((info, target))
    _write_files(files, plain, done, task)


def _write_link(files: Files, info: FileInfo, target: bytes, top: bytes, done: ExportedFiles) -> None:
    destination = files.read_link(info.path)
    if not 0 < len(destination) <= _TARGET_MAX or b"\0" in destination:
        raise CorruptError(f"{info.path!r} is not a link", why="its target is empty, too long, or has a zero byte")
    leads_to = os.path.normpath(os.path.join(os.path.dirname(target), destination))
    done.leading_out += not (leads_to == top or leads_to.startswith(top + b"/"))
    os.symlink(destination, target)
    done.files += 1


def _write_files(files: Files, places: Iterable[tuple[FileInfo, bytes]], done: ExportedFiles, task: Task) -> None:
    targets = dict(places)

    def write(info: FileInfo) -> int:
        return _write(targets[info], info, files.pieces(info.path), task)

    small = [info for info in targets if (info.size or 0) < _LARGE and not _is_of_unknown_size(info)]
    for info, content in files.read_many(small):
        done.size += _write(targets[info], info, (content,), task)
    for info in targets:
        if (info.size or 0) >= _LARGE:
            done.size += write(info)
    unknown = [info for info in targets if _is_of_unknown_size(info)]
    with closing(in_parallel(write, unknown, jobs=_JOBS)) as sizes:
        done.size += sum(sizes)
    done.files += len(targets)


def _is_of_unknown_size(info: FileInfo) -> bool:
    """Is it a file in a directory of DVC? Its content may exceed the memory."""
    return info.tracked and info.size is None


def _write(target: bytes, info: FileInfo, pieces: Iterable[bytes], task: Task) -> int:
    """Write a file; its size."""
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            yield piece
            size += len(piece)
            task.advance(len(piece))

    fd = os.open(target, _WRITE, 0o777 if info.executable else 0o666)
    try:
        write_sparsely(fd, counted())
    finally:
        os.close(fd)
    return size
