"""A stream of the records inside of files: each rank reads whole files, which the seed puts in order."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, cast

from dver.access.files import FileInfo, Files
from dver.core.errors import UsageError
from dver.core.oid import Oid
from dver.streaming.order import SampleOrder, StreamPart
from dver.streaming.records import Record, reader_of
from dver.streaming.state import StreamState
from dver.streaming.stream import root_of, samples_of

_BUFFER: Final = 1 << 20
_FINISHED: Final = -1


class RecordStream:
    """Iterates over `(path, record)` of all files below a tracked directory.

    The seed orders the files; records inside of a file keep their order. Ranks and workers read different files. Files
    are read by range, so a file larger than the memory is no problem.
    """

    def __init__(
        self,
        files: Files,
        path: str,
        form: str,
        *,
        shuffle: int | None = None,
        part: StreamPart | None = None,
        epoch: int = 0,
    ) -> None:
        self._files = files
        self._path = path
        self._form = form
        self._read_records = reader_of(form)
        self._seed = shuffle
        self._part = part or StreamPart()
        self._epoch = epoch
        self._progress: dict[int, int] = {}
        """The number of records read of each file, by its position in the order; `_FINISHED` for a whole file."""
        self._shared: Mapping[int, int] = {}
        """The progress of all ranks when this iteration began: it decides which rank reads which file."""

    def __iter__(self) -> Iterator[tuple[str, Record]]:
        if self._files_in_order and all(self._progress.get(at) == _FINISHED for at in self._mine()):
            self.set_epoch(self._epoch + 1)
        for at in self._mine():
            info = self._files_in_order[at]
            skip = self._progress.get(at, 0)
            if skip == _FINISHED:
                continue
            with io.BufferedReader(self._files.open(info.path), _BUFFER) as file:
                for number, record in enumerate(self._read_records(cast(Any, file), skip), skip + 1):
                    self._progress[at] = number
                    yield info.path, record
            self._progress[at] = _FINISHED

    @property
    def epoch(self) -> int:
        """The number of the epoch, from 0."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch. Needed with the workers of a data loader, which have copies of this stream."""
        self._epoch, self._progress, self._shared = epoch, {}, {}
        self.__dict__.pop("_files_in_order", None)

    def split(self, worker: int, workers: int, *, batch: int = 1) -> RecordStream:
        """The part of a worker of this rank: whole files, whatever the size of a `batch` is."""
        part = replace(self._part, worker=worker, workers=workers)
        other = RecordStream(self._files, self._path, self._form, shuffle=self._seed, part=part, epoch=self._epoch)
        other._progress, other._shared = dict(self._progress), self._shared
        return other

    def state_dict(self) -> dict[str, Any]:
        """How far this process is.

        `merge_states` joins the states of all ranks and workers to the one that `load_state_dict` takes.
        """
        state = StreamState(self._root, self._seed, self._epoch, 0).encode()
        files = {str(at): number for at, number in sorted(self._progress.items())}
        is_whole = self._part.world == self._part.workers == 1
        return {**state, "records": self._form, "is_whole": is_whole, "files": files}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the merged state of all ranks: no record is missed or repeated, on any number of ranks.

        Raises UsageError for a state of other content or another seed.
        """
        found = StreamState.decode(state)
        if state.get("is_whole") is not True or state.get("records") != self._form:
            raise UsageError(
                "not the state of all ranks of such a stream",
                why=f"it is the state of one rank, or not of {self._form} records",
                fix="pass dver.merge_states(states of all ranks)",
            )
        if (found.root, found.seed) != (self._root, self._seed):
            raise UsageError(
                "the state belongs to other content, or to another seed",
                why=f"it is of {found.root} with the seed {found.seed}, not of {self._root} with {self._seed}",
                fix="open the revision at which the state was saved, and pass its seed as shuffle=",
            )
        self.set_epoch(found.epoch)
        self._progress = _progress_of(state)
        self._shared = dict(self._progress)

    def _mine(self) -> Sequence[int]:
        """The positions of the files that this process reads."""
        waiting = [at for at in range(len(self._files_in_order)) if self._shared.get(at) != _FINISHED]
        return [at for turn, at in enumerate(waiting) if self._part.reads(turn)]

    @cached_property
    def _files_in_order(self) -> Sequence[FileInfo]:
        files = samples_of(self._files, self._path)
        order = SampleOrder(self._root, len(files), self._seed, self._epoch, 1)
        return [files[sample] for _, window in order.windows() for sample in window]

    @cached_property
    def _root(self) -> Oid:
        return root_of(self._files, self._path)


def merge_states(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The state of a record stream as a whole, from the states of all its ranks and workers.

    Args:
        states: The result of `state_dict` of each rank and worker.

    Raises:
        UsageError: They belong to different epochs, seeds or contents.
    """
    if not states:
        raise UsageError("no states to merge", fix="pass the states of all ranks")
    first = StreamState.decode(states[0])
    if any(StreamState.decode(one) != first for one in states):
        raise UsageError(
            "the states do not belong together",
            why="they are of different contents, seeds or epochs",
            fix="collect the states of all ranks at the same step",
        )
    merged: dict[int, int] = {}
    for state in states:
        for at, number in _progress_of(state).items():
            before = merged.get(at, 0)
            merged[at] = _FINISHED if _FINISHED in (before, number) else max(before, number)
    files = {str(at): number for at, number in sorted(merged.items())}
    return {**first.encode(), "records": states[0].get("records"), "is_whole": True, "files": files}


def _progress_of(state: Mapping[str, Any]) -> dict[int, int]:
    files = state.get("files", {})
    if not isinstance(files, Mapping) or any(
        type(number) is not int or number < _FINISHED for number in files.values()
    ):
        raise UsageError("not the state of a record stream", fix="pass what `merge_states` returned")
    return {int(at): number for at, number in files.items()}
