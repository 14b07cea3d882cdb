"""Rows of each metric: `plots/metrics/NAME.tsv` with the columns `step` and NAME, to which each log call appends."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.core.files import write_atomic
from dver.live.metric_names import file_path

FOLDER: Final = "plots/metrics"
_SUFFIX: Final = ".tsv"
_OPEN: Final = 64
"""The most files that are open at once."""

_Name = tuple[str, ...]


class SeriesFiles:
    """The files of all metrics of a run."""

    def __init__(self, folder: Path, *, resumed: bool) -> None:
        self._folder = folder / FOLDER
        self._resumed = resumed
        self._paths: dict[_Name, Path] = {}
        self._open: dict[_Name, int] = {}

    def last_row(self, name: _Name) -> tuple[int, float] | None:
        """The step and the value of the last complete row of an earlier run. None without one."""
        try:
            lines = (self._folder / file_path(name, _SUFFIX)).read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return None
        rows = (found for line in reversed(lines) if (found := _parse(line)) is not None)
        return next(rows, None)

    def append(self, name: _Name, step: int, value: float) -> None:
        """Append a row. The whole line is written at once; if that fails, as on a full disk, nothing of it stays."""
        fd = self._open.get(name)
        if fd is None:
            fd = self._opened(name, step)
        shown = int(value) if isinstance(value, bool) else value
        _append(fd, f"{step}\t{shown!r}\n".encode())

    def close(self) -> None:
        """Close all files. They are complete after every `append`."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _opened(self, name: _Name, step: int) -> int:
        if len(self._open) >= _OPEN:
            os.close(self._open.pop(next(iter(self._open))))
        path = self._paths.get(name)
        if path is None:
            path = self._folder / file_path(name, _SUFFIX)
            self._begin(path, name, step)
            self._paths[name] = path
        fd = self._open[name] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        return fd

    def _begin(self, path: Path, name: _Name, step: int) -> None:
        """Create the file. A resumed run keeps the rows before its first step, and repeats the others.

        The file is always a new one: the old one may be a link into dver's store.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        header = f"step\t{os.path.basename(file_path(name))}\n".encode()
        kept: Iterable[bytes] = ()
        if self._resumed:
            with suppress(FileNotFoundError):
                lines = path.read_bytes().splitlines(keepends=True)
                kept = [line for line in lines if (row := _parse(line)) is not None and row[0] < step]
        write_atomic(path, header + b"".join(kept), durable=False)


def _parse(line: bytes) -> tuple[int, float] | None:
    """The step and the value of a row; None for the header, and for the part of a line that a killed run left."""
    step, _, value = line.partition(b"\t")
    if not (line.endswith(b"\n") and step.isdigit()):
        return None
    try:
        return int(step), _number(value.decode())
    except ValueError:
        return None


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _append(fd: int, line: bytes) -> None:
    size, done = os.fstat(fd).st_size, 0
    try:
        while done < len(line):
            done += os.write(fd, line[done:])
    except BaseException:
        with suppress(OSError):
            os.ftruncate(fd, size)
        raise
