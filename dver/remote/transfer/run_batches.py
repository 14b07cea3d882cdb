"""Batches of run cache entries on a remote: sending new runs, receiving those of others, merging small batches.

Batches lie beside the indexes, so the one list request of every transfer lists them as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import run_batch
from dver.formats.run_batch import Run
from dver.remote.index.catalog import Catalog
from dver.remote.index.contents import RemoteContents, list_contents
from dver.remote.index.keys import runs_key
from dver.remote.index.listing_file import refresh_listing
from dver.remote.index.mirror import Mirror
from dver.remote.parallel import in_parallel
from dver.remote.storage import BytesBody, MissingKey

_MANY: Final = 32
"""Number of batches from which on they are merged."""


class ReceivedRuns(NamedTuple):
    """The number of runs that were received from new batches."""

    runs: int
    damaged: tuple[str, ...]
    """Keys of batches that could not be read."""


def newer_than_remote(runs: Sequence[Run], mirror: Mirror) -> list[Run]:
    """Those of `runs` that the remote does not have, or has an earlier version of, as `mirror` knows."""
    known = mirror.runs([run.key for run in runs])
    return [run for run in runs if known.get(run.key, -1.0) < run.ended]


def send(runs: Sequence[Run], catalog: Catalog) -> None:
    """Upload `runs`. The caller uploads their outputs first, and writes the listing. Raises RemoteError."""
    for group in run_batch.batches(runs):
        _put(group, catalog)


def receive(catalog: Catalog, store: Callable[[Run], bool], contents: RemoteContents | None = None) -> ReceivedRuns:
    """Pass to `store` the runs that are new since the last time, as of `contents`, or the last refresh of `catalog`.

    `store` returns False for a run that it refuses. Skips damaged batches. Raises RemoteError.
    """
    new = sorted((contents or catalog.contents).runs.keys() - catalog.mirror.run_batches())
    count, damaged = 0, []
    for name, found in _fetched(new, catalog):
        if isinstance(found, CorruptError):
            damaged.append(runs_key(name))
            continue
        stored = {run.key: run.ended for run in found if store(run)}
        catalog.mirror.add_runs(name, stored)
        count += len(stored)
    return ReceivedRuns(count, tuple(damaged))


def merge_batches(catalog: Catalog) -> int:
    """Merge many small batches, and return how many were deleted. Raises RemoteError.

    The new batches are written before the old ones are deleted, so every run is there all the time.
    """
    seen = list_contents(catalog.storage).runs
    if len(seen) < _MANY:
        return 0
    latest: dict[str, Run] = {}
    read = []
    for name, found in _fetched(sorted(seen), catalog):
        if isinstance(found, CorruptError):
            continue  # left there, for a person to examine
        read.append(name)
        for run in found:
            if run.key not in latest or latest[run.key].ended < run.ended:
                latest[run.key] = run
    written = {_put(group, catalog) for group in run_batch.batches(latest.values())}
    gone = [name for name in read if name not in written]
    for name in gone:
        catalog.storage.delete(runs_key(name))
    refresh_listing(catalog.storage)
    return len(gone)


def _put(group: Sequence[Run], catalog: Catalog) -> Oid:
    content = run_batch.encode(group)
    name = Oid.of(content)
    catalog.storage.put(runs_key(name), BytesBody(content))
    catalog.mirror.add_runs(name, {run.key: run.ended for run in group})
    return name


def _fetched(names: Sequence[Oid], catalog: Catalog) -> Iterator[tuple[Oid, list[Run] | CorruptError]]:
    """The runs in the batches called `names`. Skips batches that are gone: a merge has moved their runs to others."""

    def get(name: Oid) -> tuple[Oid, list[Run] | CorruptError | None]:
        try:
            content = catalog.storage.get(runs_key(name), 0, run_batch.MAX_SIZE)
            if Oid.of(content) != name:
                return name, CorruptError("a batch of runs whose bytes do not match its name")
            return name, [run for run in run_batch.decode(content) if _is_whole(run)]
        except MissingKey:
            return name, None
        except CorruptError as error:
            return name, error

    with closing(in_parallel(get, names, jobs=catalog.jobs)) as answers:
        for name, found in answers:
            if found is not None:
                yield name, found


def _is_whole(run: Run) -> bool:
    with suppress(CorruptError):
        _ = run.ended
        return True
    return False
