"""Batches of runs on a remote: sending those that it lacks, taking those that are new, putting small ones together.

They lie beside the indexes, so that the one list request of every transfer tells of them, too.
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
from dver.remote.index.contents import list_contents
from dver.remote.index.keys import runs_key
from dver.remote.index.listing_file import refresh_listing
from dver.remote.index.mirror import Mirror
from dver.remote.parallel import in_parallel
from dver.remote.storage import BytesBody, MissingKey

_MANY: Final = 32
"""Batches from which on it is worth while to put them together."""


class Received(NamedTuple):
    """What came of new batches."""

    runs: int
    damaged: tuple[str, ...]
    """Keys of batches of which nothing could be taken."""


def lacking(runs: Sequence[Run], mirror: Mirror) -> list[Run]:
    """Those of `runs` that, as far as is known here, the remote does not have, or only of an earlier time."""
    known = mirror.runs([run.key for run in runs])
    return [run for run in runs if known.get(run.key, -1.0) < run.ended]


def send(runs: Sequence[Run], catalog: Catalog) -> None:
    """Put `runs` on the remote. Whoever calls sends what they name, and writes the listing. Raises RemoteError."""
    for group in run_batch.batches(runs):
        _put(group, catalog)


def receive(catalog: Catalog, take: Callable[[Run], bool]) -> Received:
    """Give `take` the runs that are new since the last time, as the catalogue has seen them when it was refreshed.

    Raises RemoteError. Batches that are damaged are left out, and told.
    """
    new = sorted(catalog.contents.runs.keys() - catalog.mirror.run_batches())
    count, damaged = 0, []
    for name, found in _fetched(new, catalog):
        if isinstance(found, CorruptError):
            damaged.append(runs_key(name))
            continue
        taken = {run.key: run.ended for run in found if take(run)}
        catalog.mirror.add_runs(name, taken)
        count += len(taken)
    return Received(count, tuple(damaged))


def gather(catalog: Catalog) -> int:
    """Put many small batches together: first the new ones are written, then the old ones deleted, so that each run is
    there all the time. Returns how many went. Raises RemoteError."""
    seen = list_contents(catalog.storage).runs
    if len(seen) < _MANY:
        return 0
    latest: dict[str, Run] = {}
    read = []
    for name, found in _fetched(sorted(seen), catalog):
        if isinstance(found, CorruptError):
            continue  # for somebody to look at
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
    """What is in the batches called `names`; those that are gone by now are left out: others have what they had."""

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
