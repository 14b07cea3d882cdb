"""A stream of the files of a tracked directory, shuffled by content, split among ranks, and resumable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from dver.access.files import FileInfo, Files
from dver.core.errors import UsageError
from dver.core.oid import Oid
from dver.streaming.loader import ahead, load, portion_limit, portions
from dver.streaming.order import SampleOrder, StreamPart, block_length, positions_of
from dver.streaming.state import StreamState


class DataStream:
    """Iterates over `(path, content)` of all files below a tracked directory; links and empty directories are left out.

    Contents come straight from the remote if they are not on this machine, and are loaded ahead: two portions of at
    most 96 MiB are in memory. Each iteration is an epoch, and continues where the one before it stopped. Pickled, it
    has its position with it.
    """

    def __init__(
        self,
        files: Files,
        path: str,
        *,
        shuffle: int | None = None,
        part: StreamPart | None = None,
        epoch: int = 0,
    ) -> None:
        self._files = files
        self._path = path
        self._part = part or StreamPart()
        self._seed = shuffle
        self._epoch = epoch
        self._start = 0
        """The position at which this iteration began."""
        self._read = 0
        """The samples that this process has returned since."""

    def __len__(self) -> int:
        """The number of samples of an epoch, over all ranks."""
        return len(self._samples)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        self._begin()
        for infos in self._loaded():
            for info, content in infos:
                self._read += 1
                yield info.path, content
        self._start, self._read = len(self), 0

    @property
    def epoch(self) -> int:
        """The number of the epoch, from 0."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch. Needed with the workers of a data loader, which have copies of this stream."""
        self._epoch, self._start, self._read = epoch, 0, 0

    def split(self, worker: int, workers: int, *, batch: int = 1) -> DataStream:
        """The part of a worker of this rank, which gets `batch` consecutive samples at a time."""
        other = DataStream(self._files, self._path, shuffle=self._seed, epoch=self._epoch)
        other._part = replace(self._part, worker=worker, workers=workers, batch=batch)
        other._start = self._start
        return other

    def state_dict(self, samples: int | None = None) -> dict[str, Any]:
        """How far the epoch is, for `load_state_dict` on any number of ranks.

        `samples` is the number of samples that this rank has consumed since the epoch or the last `load_state_dict`
        began; needed if workers of a data loader read them. All ranks must have consumed the same number.
        """
        consumed = self._read if samples is None else samples
        position = min(self._start + consumed * self._part.world, len(self))
        return StreamState(self._root, self._seed, self._epoch, position).encode()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`: no sample is missed or repeated, also on another number of ranks.

        Raises UsageError for a state of other content or another seed.
        """
        found = StreamState.decode(state)
        if found.root != self._root:
            raise UsageError(
                "the state belongs to other content",
                why=f"it is of {found.root}, and {self._path!r} is {self._root}",
                fix="open the revision at which the state was saved: rev=COMMIT",
            )
        if found.seed != self._seed:
            raise UsageError(
                f"the state has the seed {found.seed}",
                why=f"this stream has {self._seed}, so its order is another one",
                fix=f"pass shuffle={found.seed}",
            )
        self._epoch, self._start, self._read = found.epoch, found.position, 0

    def _begin(self) -> None:
        """Start where the last iteration stopped; at the next epoch if that was complete."""
        consumed = self._start + self._read * self._part.world
        if consumed >= len(self) and len(self):
            self.set_epoch(self._epoch + 1)
        else:
            self._start, self._read = consumed, 0

    def _loaded(self) -> Iterator[list[tuple[FileInfo, bytes]]]:
        samples = self._samples
        sizes = [info.size or 0 for info in samples]
        order = SampleOrder(self._root, len(samples), self._seed, self._epoch, block_length(len(samples), sum(sizes)))
        windows = (
            [sample for _, sample in window] for window in positions_of(order, self._part, self._start, len(samples))
        )
        limit = portion_limit(self._part.world * self._part.workers)
        work = (load(self._files, samples, wanted) for wanted in portions(windows, sizes, limit))
        return ahead(work)

    @cached_property
    def _samples(self) -> list[FileInfo]:
        return samples_of(self._files, self._path)

    @cached_property
    def _root(self) -> Oid:
        return root_of(self._files, self._path)


def root_of(files: Files, path: str) -> Oid:
    """The oid of the tracked directory at `path`. Raises UsageError for anything else."""
    info = files.info(path)
    if info.kind != "directory" or info.oid is None:
        raise UsageError(
            f"{path!r} is not a tracked directory",
            why="the order of a stream depends on the content of one directory",
            fix="name a tracked directory, or one inside of it",
        )
    return info.oid


def samples_of(files: Files, path: str) -> list[FileInfo]:
    """All files below the tracked directory at `path`, in tree order."""
    root_of(files, path)
    return [info for info in files.walk(path) if info.kind == "file"]
