"""Copies the files of a model into a package. Nothing in it leads out of the package."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from typing import Final

from dver.access.files import FileInfo, Files
from dver.core.batches import batched
from dver.core.errors import CorruptError, UsageError
from dver.core.progress import Task
from dver.formats.tree import forbidden_name
from dver.models.package.sinks import PackageWriter

_LARGE: Final = 4 << 20
"""The smallest file that is written piece by piece, in bytes."""
_BATCH: Final = 5000


def write_model(writer: PackageWriter, model: Files, name: str, task: Task) -> None:
    """Write the model as the file or directory `name`; "" is the top of the package.

    Raises UsageError for a link that leads out of the model, CorruptError for a dangerous name, and the errors of
    reading.
    """
    info = model.info("")
    task.grow(info.size or 0)
    if info.kind == "file":
        _write_file(writer, info, name, model.pieces(""), task)
        return
    writer.directory(name)
    for batch in batched(model.walk(""), _BATCH):
        _write_entries(writer, model, name, batch, task)


def _write_entries(writer: PackageWriter, model: Files, top: str, batch: Iterable[FileInfo], task: Task) -> None:
    files: list[FileInfo] = []
    for info in batch:
        _refuse_dangerous(info.path)
        name = posixpath.join(top, info.path)
        if info.kind == "directory":
            writer.directory(name)
        elif info.kind == "link":
            writer.link(name, _target(model, info.path))
        else:
            files.append(info)
    small = [one for one in files if one.size is not None and one.size < _LARGE]
    for info, content in model.read_many(small):
        _write_file(writer, info, posixpath.join(top, info.path), (content,), task)
    for info in (one for one in files if one.size is None or one.size >= _LARGE):
        _write_file(writer, info, posixpath.join(top, info.path), model.pieces(info.path), task)


def _write_file(writer: PackageWriter, info: FileInfo, name: str, pieces: Iterable[bytes], task: Task) -> None:
    def counted() -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            task.advance(len(piece))

    writer.file(name, counted(), info.size, executable=info.executable)


def _target(model: Files, path: str) -> bytes:
    target = model.read_link(path)
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), os.fsdecode(target)))
    if target.startswith(b"/") or b"\0" in target or inside == ".." or inside.startswith("../"):
        raise UsageError(
            f"the link {path!r} leads out of the model",
            why="a package has no path of this machine",
            fix="replace the link with the file, and register a new version",
        )
    return target


def _refuse_dangerous(path: str) -> None:
    for part in os.fsencode(path).split(b"/"):
        if reason := forbidden_name(part):
            raise CorruptError(f"cannot write {path!r}", why=f"{reason}, and no file may be there")
