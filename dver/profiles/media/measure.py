"""Measures media files, each content once, in two processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Final

from dver.core.oid import Oid
from dver.core.worker_pool import Report, WorkerPool, no_workers
from dver.formats.measurements import Measured, Measurements, MeasurementType
from dver.formats.profile import PROFILER, CollectionKind
from dver.profiles.media import audio, images, texts

PROCESSES: Final = 2
MEASURES: Final[Mapping[CollectionKind, Callable[[BinaryIO], dict[str, Measured] | str]]] = {
    CollectionKind.IMAGES: images.measure_image,
    CollectionKind.AUDIO: audio.measure_audio,
    CollectionKind.TEXT: texts.measure_text,
}
_COMMON: Final = {"bytes": MeasurementType.COUNT, "error": MeasurementType.TEXT}
TYPES: Final[Mapping[CollectionKind, Mapping[str, MeasurementType]]] = {
    CollectionKind.IMAGES: {**images.TYPES, **_COMMON},
    CollectionKind.AUDIO: {**audio.TYPES, **_COMMON},
    CollectionKind.TEXT: {**texts.TYPES, **_COMMON},
}
"""What is measured of each file. `error` says why a file is unreadable; then only `bytes` is known."""
_REQUIRE: Final[Mapping[CollectionKind, Callable[[], None]]] = {
    CollectionKind.IMAGES: images.require_pillow,
    CollectionKind.AUDIO: audio.require_tinytag,
}
_BATCH: Final = 100
"""Files that a process measures at a time."""


def measure_files(
    kind: CollectionKind,
    files: Mapping[Oid, os.PathLike[str] | str | bytes],
    *,
    processes: int = PROCESSES,
    report: Report | None = None,
) -> Measurements:
    """Measure `files`, by content. `report` is called with numbers of measured files.

    Unreadable files are part of the result. Raises UsageError without the extra `data`, and OSError for a file that
    cannot be opened.
    """
    if files and kind in _REQUIRE:
        _REQUIRE[kind]()
    jobs = [(bytes(oid), os.fsencode(path)) for oid, path in files.items()]
    batches = [jobs[at : at + _BATCH] for at in range(0, len(jobs), _BATCH)]
    rows: dict[Oid, Sequence[Measured]] = {}
    with _pool(kind, min(processes, len(batches))) as pool:
        size = len(pool) + 1
        for at in range(0, len(batches), size):
            for found in _measured(kind, pool, batches[at : at + size]):
                rows.update((Oid(oid), row) for oid, row in found)
                if report is not None:
                    report(len(found))
    return Measurements.of_rows(kind, PROFILER, TYPES[kind], rows)


class _Measurer:
    """Measures files of one kind."""

    def __init__(self, kind: CollectionKind) -> None:
        self._kind = kind

    def do(self, job: Any, report: Report) -> Any:
        return [(oid, _row(self._kind, path)) for oid, path in job]

    def finish(self) -> None:
        """Has nothing to complete."""


def _pool(kind: CollectionKind, size: int) -> WorkerPool:
    return WorkerPool(lambda: _Measurer(kind), size=size, killable=True) if size > 1 else no_workers()


def _measured(kind: CollectionKind, pool: WorkerPool, batches: Sequence[Sequence[Any]]) -> Iterable[Any]:
    """The answers for one batch for each process, the first of which is this one."""
    own, *others = batches
    pool.start_jobs(others)
    yield _Measurer(kind).do(own, lambda _: None)
    yield from pool.answers(len(others))


def _row(kind: CollectionKind, path: bytes) -> tuple[Measured, ...]:
    """The values of all columns of one file."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        found = MEASURES[kind](file)
    known: dict[str, Measured] = {"error": found} if isinstance(found, str) else found
    known["bytes"] = size
    return tuple(known.get(name) for name in TYPES[kind])
