"""Streams as datasets of PyTorch. Importing this module imports torch, if it is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dver.core.errors import UsageError
from dver.streaming.record_stream import RecordStream
from dver.streaming.stream import DataStream

if TYPE_CHECKING:
    from torch.utils.data import IterableDataset, get_worker_info

    class _Dataset(IterableDataset[Any]):
        pass
else:
    try:
        from torch.utils.data import IterableDataset as _Dataset
        from torch.utils.data import get_worker_info
    except ImportError:
        _Dataset = object


class TorchDataset(_Dataset):
    """A stream for `torch.utils.data.DataLoader`, whose workers share the samples of this rank.

    Pass the batch size of the data loader: then its order is the same for every number of workers. Call `set_epoch`
    before each epoch, as with DistributedSampler: workers have copies of this dataset.
    """

    def __init__(self, stream: DataStream | RecordStream, *, batch_size: int = 1) -> None:
        if not TYPE_CHECKING and _Dataset is object:
            raise UsageError(
                "a dataset of PyTorch needs the extra `torch`",
                why="torch is not installed",
                fix='pip install "dver[torch]"',
            )
        super().__init__()
        self._stream = stream
        self._batch_size = batch_size

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        if worker is None:
            return iter(self._stream)
        return iter(self._stream.split(worker.id, worker.num_workers, batch=self._batch_size))

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch."""
        self._stream.set_epoch(epoch)

    def state_dict(self, samples: int) -> dict[str, Any]:
        """The state after `samples` samples of this rank since the epoch or the last `load_state_dict` began.

        Workers read copies of the stream, so only the training loop knows the number. Raises UsageError for records,
        whose state each worker has a part of.
        """
        if isinstance(self._stream, RecordStream):
            raise UsageError(
                "a dataset of records has no state",
                why="each worker of the data loader has a part of it",
                fix="iterate over the stream itself, and merge the states of all ranks: dver.merge_states",
            )
        return self._stream.state_dict(samples)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`; see the method of the stream."""
        self._stream.load_state_dict(state)
