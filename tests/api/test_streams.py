"""`dver.stream`, and the dataset of PyTorch."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from workspaces import Project, write

import dver

FILES = {f"data/{at:03}.txt": b"%d" % at for at in range(100)}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in the current directory, with files and JSONL records."""
    project = Project.make(tmp_path / "project")
    write(project.root, FILES)
    write(project.root, {f"records/{at}.jsonl": b'{"a": %d}\n' % at * 3 for at in range(5)})
    project.save("data", "records")
    monkeypatch.chdir(project.root)
    return project


@pytest.mark.usefixtures("project")
def test_streams_files_and_records() -> None:
    assert dict(dver.stream("data", shuffle=3)) == FILES
    ranks = [list(dver.stream("data", rev="HEAD", shuffle=3, shard=(rank, 3))) for rank in range(3)]
    assert dict(ranks[0] + ranks[1] + ranks[2]) == FILES
    assert sum(record["a"] for _, record in dver.stream("records", records="jsonl")) == 30


@pytest.mark.usefixtures("project")
def test_wrong_arguments_are_errors() -> None:
    with pytest.raises(ValueError, match="rank 3 of 3"):
        dver.stream("data", shard=(3, 3))
    with pytest.raises(dver.UsageError, match="not a tracked directory"):
        len(dver.stream("."))


@pytest.mark.skipif(find_spec("torch") is not None, reason="the extra torch is installed")
@pytest.mark.usefixtures("project")
def test_without_torch_the_error_names_the_extra() -> None:
    with pytest.raises(dver.UsageError) as caught:
        dver.TorchDataset(dver.stream("data"))
    assert caught.value.fix == 'pip install "dver[torch]"'


@pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra torch")
@pytest.mark.usefixtures("project")
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than processors
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_a_data_loader_has_one_order_for_every_number_of_workers(workers: int) -> None:
    from torch.utils.data import DataLoader

    stream = dver.stream("data", rev="HEAD", shuffle=3)
    expected = [path for path, _ in dver.stream("data", rev="HEAD", shuffle=3)]
    loader = DataLoader(dver.TorchDataset(stream, batch_size=8), batch_size=8, num_workers=workers, collate_fn=list)
    assert [path for batch in loader for path, _ in batch] == expected


@pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra torch")
@pytest.mark.usefixtures("project")
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_a_data_loader_continues_on_other_ranks_and_workers() -> None:
    from torch.utils.data import DataLoader

    def loader(rank: int, world: int, workers: int, state: dict[str, object] | None) -> DataLoader[object]:
        stream = dver.stream("data", rev="HEAD", shuffle=3, shard=(rank, world))
        dataset = dver.TorchDataset(stream, batch_size=4)
        if state is not None:
            dataset.load_state_dict(state)
        return DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=list)

    seen, states = [], []
    for rank in range(2):
        part = loader(rank, 2, 2, None)
        batches = iter(part)
        seen += [path for _ in range(5) for path, _ in next(batches)]
        states.append(part.dataset.state_dict(samples=20))
    assert states[0] == states[1]
    state = json.loads(json.dumps(states[0]))
    for rank in range(3):
        seen += [path for batch in loader(rank, 3, 1, state) for path, _ in batch]
    assert sorted(seen) == sorted(FILES)
