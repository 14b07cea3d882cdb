"""Streams of records inside of tar, Parquet and JSONL files."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from workspaces import Project, write

from dver.access.repositories import open_files
from dver.core.errors import CorruptError, DverError, UsageError
from dver.streaming.order import StreamPart
from dver.streaming.record_stream import RecordStream, merge_states

FILES = 7
RECORDS = 11


def jsonl(number: int) -> bytes:
    """A file of records, with an empty line."""
    return b"\n".join(json.dumps({"file": number, "row": row}).encode() for row in range(RECORDS)) + b"\n\n"


def table(number: int) -> bytes:
    """The same records in Parquet, in three row groups."""
    buffer = io.BytesIO()
    rows = [{"file": number, "row": row} for row in range(RECORDS)]
    parquet.write_table(pa.Table.from_pylist(rows), buffer, row_group_size=4)
    return buffer.getvalue()


def archive(number: int) -> bytes:
    """A tar file with two members for each sample, and a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as found:
        found.addfile(_directory("s"))
        for row in range(RECORDS):
            for suffix, content in (("cls", b"%d" % row), ("seg.png", b"image %d of %d" % (row, number))):
                member = tarfile.TarInfo(f"s/{row:04}.{suffix}")
                member.size = len(content)
                found.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _directory(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE
    return member


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one directory for each format."""
    project = Project.make(tmp_path / "project")
    for at in range(FILES):
        write(project.root, {f"jsonl/{at}.jsonl": jsonl(at), f"parquet/{at}.parquet": table(at)})
        write(project.root, {f"tar/{at}.tar": archive(at)})
    project.save("jsonl", "parquet", "tar")
    return project


def stream(
    project: Project, form: str = "jsonl", *, shuffle: int | None = 7, part: StreamPart | None = None
) -> RecordStream:
    """The records of a directory."""
    return RecordStream(open_files(project.root, rev="HEAD"), form, form, shuffle=shuffle, part=part)


def identity(record: dict[str, Any]) -> tuple[int, int]:
    """The file and the row of a record."""
    if "__key__" in record:
        row, number = record["seg.png"].split()[1::2]
        assert record["__key__"] == f"s/{int(row):04}"
        assert record["cls"] == row
        return int(number), int(row)
    return record["file"], record["row"]


@pytest.mark.parametrize("form", ["jsonl", "parquet", "tar"])
def test_reads_every_record_once_in_files_of_random_order(project: Project, form: str) -> None:
    found = [identity(record) for _, record in stream(project, form)]
    assert sorted(found) == [(number, row) for number in range(FILES) for row in range(RECORDS)]
    files = [number for number, row in found if row == 0]
    assert found == [(number, row) for number in files for row in range(RECORDS)]
    assert files != sorted(files)


@pytest.mark.parametrize("form", ["jsonl", "parquet", "tar"])
@pytest.mark.parametrize("worlds", [[1], [3, 2], [2, 5, 1]])
def test_merged_states_continue_on_another_number_of_ranks(project: Project, form: str, worlds: Sequence[int]) -> None:
    seen: list[tuple[int, int]] = []
    state = merge_states([stream(project, form).state_dict()])
    for world in worlds:
        states = []
        for rank in range(world):
            part = stream(project, form, part=StreamPart(rank, world))
            part.load_state_dict(json.loads(json.dumps(state)))
            seen += [identity(record) for _, (_, record) in zip(range(8), part, strict=False)]
            states.append(part.state_dict())
        state = merge_states(states)
    rest = stream(project, form)
    rest.load_state_dict(state)
    seen += [identity(record) for _, record in rest]
    assert sorted(seen) == [(number, row) for number in range(FILES) for row in range(RECORDS)]


def test_ranks_and_workers_read_different_files(project: Project) -> None:
    parts = [stream(project, part=StreamPart(rank, 2)).split(worker, 2) for rank in range(2) for worker in range(2)]
    found = [identity(record) for part in parts for _, record in part]
    assert sorted(found) == [(number, row) for number in range(FILES) for row in range(RECORDS)]


def test_each_iteration_is_an_epoch_of_its_own(project: Project) -> None:
    one = stream(project)
    first, second = list(one), list(one)
    assert one.epoch == 1
    assert first != second
    assert sorted(map(str, first)) == sorted(map(str, second))


def test_states_that_do_not_belong_together_are_refused(project: Project) -> None:
    states = [stream(project, shuffle=seed).state_dict() for seed in (1, 2)]
    with pytest.raises(UsageError, match="do not belong together"):
        merge_states(states)
    with pytest.raises(UsageError, match="no states"):
        merge_states([])
    with pytest.raises(UsageError, match="another seed"):
        stream(project).load_state_dict(merge_states(states[:1]))
    with pytest.raises(UsageError, match="all ranks") as caught:
        stream(project).load_state_dict(stream(project, part=StreamPart(0, 2)).state_dict())
    assert caught.value.fix == "pass dver.merge_states(states of all ranks)"
    with pytest.raises(DverError):
        stream(project).load_state_dict({**stream(project).state_dict(), "files": {"0": -2}})


def test_wrong_files_are_errors_that_say_why(project: Project) -> None:
    write(project.root, {"jsonl/bad.jsonl": b'{"a": 1}\n{oops\n', "tar/bad.tar": b"no archive" * 100})
    project.save("jsonl", "tar")
    with pytest.raises(CorruptError, match="line 2 is not JSON"):
        list(stream(project))
    with pytest.raises(CorruptError, match="tar file"):
        list(stream(project, "tar"))
    with pytest.raises(UsageError, match="unknown record format"):
        RecordStream(open_files(project.root), "jsonl", "csv")
