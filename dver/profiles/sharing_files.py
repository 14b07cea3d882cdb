"""The tables of many files, shared among processes."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from dver.core.batches import batched_by_size
from dver.core.errors import CorruptError
from dver.core.platform.machine import available_cpus
from dver.core.worker_pool import Report, WorkerPool
from dver.formats.profile import encode
from dver.profiles.settings import ProfileSettings
from dver.profiles.sharing_columns import WORK_MIN
from dver.profiles.tables import is_typed_table, profile_table, require_libraries

PROCESSES_MAX: Final = 4
"""More would need more memory."""
_BATCH: Final = 4 << 20
"""Bytes of the files that a process reads at a time, unless one file has more."""
_BATCHES_MIN: Final = 4
"""The batches of each process, with few files: so processes end at about the same time."""
_FILE_WORK: Final = 1 << 15
"""A file is as much work as this many bytes, before it is read."""
_POOL_MIN: Final = 1 << 20
"""Bytes: with less to do, other processes do not pay."""


class UnprofiledFile(NamedTuple):
    """A file to profile: where it is, and its name, which decides about its format and is in errors."""

    path: bytes
    name: str
    size: int


class EncodedTable(NamedTuple):
    """The encoded profile of a file, and the names of its columns."""

    content: bytes
    columns: tuple[str, ...]


def profile_files(
    files: Sequence[UnprofiledFile], settings: ProfileSettings, *, processes: int | None = None
) -> Generator[tuple[UnprofiledFile, EncodedTable | str]]:
    """The profiles of tables, in any order: of each file its profile, or why it cannot be read.

    Up to `processes` processes share the files (one for each processor, without it); the profiles do not depend on it.
    Raises UsageError without the extra `data`, and errors of the disk.
    """
    require_libraries()  # in this process, so that those that it starts have them
    for file in filter(_shares_columns, files):
        yield file, _profiled(file, settings, processes)
    rest = sorted((file for file in files if not _shares_columns(file)), key=lambda file: -file.size)
    work = sum(map(_work, rest))
    size = min(processes or available_cpus() or 1, PROCESSES_MAX)
    batches = list(batched_by_size(rest, _work, min(_BATCH, work // (_BATCHES_MIN * size))))
    size = min(size, len(batches)) if work >= _POOL_MIN else 1
    with WorkerPool(lambda: _Profiler(settings), size=size + 1 if size > 1 else 1, killable=True) as pool:
        if not len(pool):
            yield from ((file, _profiled(file, settings, 1)) for file in rest)
            return
        jobs = [(at, [tuple(file) for file in batch]) for at, batch in enumerate(batches)]
        for at, answers in pool.answers_as_they_come(jobs):
            for file, answer in zip(batches[at], answers, strict=True):
                yield file, answer if isinstance(answer, str) else EncodedTable(*answer)


@dataclass(frozen=True, slots=True)
class _Profiler:
    """Profiles a batch of files."""

    settings: ProfileSettings

    def do(self, job: Any, report: Report) -> Any:
        at, files = job
        found = [_profiled(UnprofiledFile(*file), self.settings, 1) for file in files]
        return at, [one if isinstance(one, str) else tuple(one) for one in found]

    def finish(self) -> None:
        """There is nothing to complete."""


def _shares_columns(file: UnprofiledFile) -> bool:
    """Do two processes share the columns of this file?"""
    return file.size >= WORK_MIN and is_typed_table(file.name)


def _work(file: UnprofiledFile) -> int:
    return file.size + _FILE_WORK


def _profiled(file: UnprofiledFile, settings: ProfileSettings, processes: int | None) -> EncodedTable | str:
    try:
        profile = profile_table(Path(os.fsdecode(file.path)), file.name, settings, processes=processes)
    except CorruptError as error:
        what = error.what.removeprefix(f"{file.name!r} ")  # beside its path
        return f"{what}: {error.why}" if error.why else what
    return EncodedTable(encode(profile), tuple(column.name for column in profile.collections[0].columns))
