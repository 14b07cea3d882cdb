"""Streams of files: order, ranks, workers, resumption, other processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from workspaces import Project, write

from dver.access.repositories import open_files
from dver.core.errors import MissingObjectError, UsageError
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.streaming.order import StreamPart
from dver.streaming.stream import DataStream

CONTENTS = {f"data/{at // 40}/{at:03}.txt": f"sample {at}\n".encode() * (at % 7 + 1) for at in range(300)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose data is on its remote only."""
    project = Project.make(tmp_path / "project")
    write(project.root, CONTENTS)
    (project.root / "data" / "link").symlink_to("0/000.txt")
    project.save("data")
    project.git("tag", "v1")
    with project.opened() as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
        push(repo, cwd=project.root)
    shutil.rmtree(project.root / ".git/dver/store")
    return project


def stream(
    project: Project, *, shuffle: int | None = 7, part: StreamPart | None = None, path: str = "data"
) -> DataStream:
    """A stream of v1."""
    return DataStream(open_files(project.root, rev="v1"), path, shuffle=shuffle, part=part)


def test_without_a_shuffle_files_come_in_tree_order(project: Project) -> None:
    assert dict(stream(project, shuffle=None)) == CONTENTS
    assert [path for path, _ in stream(project, shuffle=None)] == sorted(CONTENTS)


def test_a_shuffle_has_every_file_once_in_another_order(project: Project) -> None:
    one = stream(project)
    found = list(one)
    assert dict(found) == CONTENTS
    assert [path for path, _ in found] != sorted(CONTENTS)
    assert len(one) == len(found) == 300


def test_each_iteration_is_an_epoch_of_its_own(project: Project) -> None:
    one = stream(project)
    first, second = list(one), list(one)
    assert sorted(first) == sorted(second)
    assert first != second
    assert one.epoch == 1
    one.set_epoch(0)
    assert list(one) == first


@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_ranks_interleave_to_the_global_order(project: Project, world: int) -> None:
    whole = list(stream(project))
    parts = [list(stream(project, part=StreamPart(rank, world))) for rank in range(world)]
    merged = [part[turn] for turn in range(len(parts[0])) for part in parts if turn < len(part)]
    assert merged == whole


@pytest.mark.parametrize("worlds", [[2, 8], [8, 3, 1], [1, 4]])
def test_a_state_continues_on_another_number_of_ranks(project: Project, worlds: Sequence[int]) -> None:
    whole = dict(stream(project))
    seen: list[tuple[str, bytes]] = []
    state = stream(project).state_dict()
    for world in worlds:
        states = []
        for rank in range(world):
            part = stream(project, part=StreamPart(rank, world))
            part.load_state_dict(json.loads(json.dumps(state)))
            reading = iter(part)
            seen += [next(reading) for _ in range(9)]
            states.append(part.state_dict())
        assert all(one == states[0] for one in states)
        state = states[0]
    rest = stream(project)
    rest.load_state_dict(state)
    seen += list(rest)
    assert len(seen) == len(CONTENTS)
    assert dict(seen) == whole


def test_a_stopped_iteration_continues(project: Project) -> None:
    one = stream(project)
    reading = iter(one)
    first = [next(reading) for _ in range(5)]
    assert first + list(one) == list(stream(project))


def test_workers_share_the_part_of_a_rank(project: Project) -> None:
    rank = stream(project, part=StreamPart(1, 2))
    parts = [list(rank.split(worker, 3)) for worker in range(3)]
    merged = [part[turn] for turn in range(len(parts[0])) for part in parts if turn < len(part)]
    assert merged == list(rank)


def test_a_data_loader_counts_the_samples_of_its_workers(project: Project) -> None:
    rank = stream(project, part=StreamPart(0, 4))
    assert rank.state_dict(samples=10)["position"] == 40
    assert rank.state_dict(samples=1000)["position"] == 300


def _read(one: DataStream) -> list[tuple[str, bytes]]:
    return list(one)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_stream_goes_to_other_processes(project: Project, method: str) -> None:
    one = stream(project)
    whole = list(one)
    one.set_epoch(0)
    with multiprocessing.get_context(method).Pool(2) as pool:
        parts = pool.map(_read, [one.split(0, 2), one.split(1, 2)])
    assert [each for pair in zip(*parts, strict=True) for each in pair] == whole
    again: DataStream = pickle.loads(pickle.dumps(one))
    assert list(again) == whole


def test_a_state_of_other_content_or_another_seed_is_refused(project: Project) -> None:
    state = stream(project).state_dict()
    with pytest.raises(UsageError, match="other content"):
        stream(project, path="data/0").load_state_dict(state)
    with pytest.raises(UsageError, match="seed 7") as caught:
        stream(project, shuffle=8).load_state_dict(state)
    assert caught.value.fix == "pass shuffle=7"


def test_only_a_tracked_directory_is_streamed(project: Project) -> None:
    with pytest.raises(UsageError, match="not a tracked directory"):
        list(stream(project, path=""))
    with pytest.raises(UsageError, match="not a tracked directory"):
        list(stream(project, path="data/0/000.txt"))


def test_an_error_reaches_the_reader(project: Project) -> None:
    one = stream(project)
    assert len(one) == 300
    shutil.rmtree(project.root.parent / "remote/packs")
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
    with pytest.raises(MissingObjectError):
        list(one)
