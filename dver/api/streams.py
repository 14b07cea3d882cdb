"""Streams of samples for training."""

from __future__ import annotations

import os
from typing import Literal, overload

from dver.access.repositories import open_files
from dver.api.files import StrPath
from dver.streaming.order import StreamPart
from dver.streaming.record_stream import RecordStream
from dver.streaming.records import RecordFormat
from dver.streaming.stream import DataStream


@overload
def stream(
    path: StrPath,
    *,
    rev: str | None = None,
    repo: StrPath | None = None,
    remote: str | None = None,
    shuffle: int | None = None,
    shard: tuple[int, int] = (0, 1),
    epoch: int = 0,
    records: None = None,
    cache: bool = False,
) -> DataStream: ...


@overload
def stream(
    path: StrPath,
    *,
    rev: str | None = None,
    repo: StrPath | None = None,
    remote: str | None = None,
    shuffle: int | None = None,
    shard: tuple[int, int] = (0, 1),
    epoch: int = 0,
    records: Literal["tar", "parquet", "jsonl"],
    cache: bool = False,
) -> RecordStream: ...


def stream(
    path: StrPath,
    *,
    rev: str | None = None,
    repo: StrPath | None = None,
    remote: str | None = None,
    shuffle: int | None = None,
    shard: tuple[int, int] = (0, 1),
    epoch: int = 0,
    records: RecordFormat | None = None,
    cache: bool = False,
) -> DataStream | RecordStream:
    """Iterate over the files of a tracked directory, or over the records inside of them, for training.

    The order depends on the content, `shuffle` and the epoch only. Nothing is written to the workspace; what is not on
    this machine comes from the remote, ahead of its use and with bounded memory.

    Args:
        path: A tracked directory, or one inside of it, relative to `repo` or to the current directory.
        rev: A branch, tag or commit. Name one for training: a state fits only the same content.
        repo: A directory, or a URL that Git can clone.
        remote: The name of the remote to read from.
        shuffle: The seed of the order. Without it, files come in the order of their paths.
        shard: The rank of this process, and the number of ranks.
        epoch: The number of the first epoch, from 0.
        records: `tar`, `parquet` or `jsonl` for the records inside of the files.
        cache: Keep what the remote sends in the user's cache for the next epoch. For datasets below its size limit,
            `user_cache.size`.

    Returns:
        An iterable of `(path, bytes)`, or of `(path, record)` with `records`, with `state_dict`, `load_state_dict` and
        `set_epoch`. `dver.TorchDataset` makes a dataset of PyTorch of it.

    Raises:
        UsageError: The path is not a tracked directory, or the revision does not exist.
        ValueError: The rank is not below the number of ranks.
        RepositoryError, RemoteError, MissingObjectError, CorruptError: See `dver.open`.
    """
    files = open_files(repo, rev=rev, remote=remote, keeps=cache)
    part = StreamPart(*shard)
    if records is not None:
        return RecordStream(files, os.fspath(path), records, shuffle=shuffle, part=part, epoch=epoch)
    return DataStream(files, os.fspath(path), shuffle=shuffle, part=part, epoch=epoch)
