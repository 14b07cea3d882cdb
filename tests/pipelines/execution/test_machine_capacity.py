"""What this machine has for stages, and what happens to those that want more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import Run

from dver.core.platform import machine as platform_machine
from dver.pipelines.definition.stage import Resources
from dver.pipelines.engine.resources import Capacity
from dver.pipelines.execution import machine_capacity

GPU = Resources(gpus=1)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the beginning of the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return folder


def put_nvidia_smi(folder: Path, *indexes: str, asked: Path | None = None) -> None:
    """Stand in for the tool of the driver of graphics cards."""
    answer = "".join(f"echo {one}\n" for one in indexes)
    note = f"echo asked >> {asked}\n" if asked is not None else ""
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{note}{answer}")
    (folder / "nvidia-smi").chmod(0o755)


def test_what_no_stage_wants_is_not_looked_up(bin_folder: Path, tmp_path: Path) -> None:
    put_nvidia_smi(bin_folder, "0", asked=tmp_path / "asked")
    assert machine_capacity.machine_capacity(3, [Resources()]) == Capacity(3)
    assert not (tmp_path / "asked").exists()


def test_processors_are_those_that_this_process_may_run_on() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, [min(before)])
        assert machine_capacity.machine_capacity(1, [Resources(cpus=1)]).cpus == 1
    finally:
        os.sched_setaffinity(0, before)


def test_memory_is_that_of_the_machine_or_of_its_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_machine, "MEMORY_LIMITS", (tmp_path,))
    whole = machine_capacity.machine_capacity(1, [Resources(memory=1)]).memory
    assert whole is not None
    assert whole > 10**8
    (tmp_path / "memory.max").write_text("max\n")
    assert machine_capacity.machine_capacity(1, [Resources(memory=1)]).memory == whole
    (tmp_path / "memory.max").write_text("5000000\n")
    assert machine_capacity.machine_capacity(1, [Resources(memory=1)]).memory == 5000000


def test_graphics_cards_are_those_that_the_driver_tells_of(bin_folder: Path) -> None:
    put_nvidia_smi(bin_folder, "0", "1", "2")
    found = machine_capacity.machine_capacity(1, [GPU])
    assert (found.gpus, found.devices) == (3, ("0", "1", "2"))


@pytest.mark.parametrize(
    ("named", "devices"), [("2,GPU-8a9b", ("2", "GPU-8a9b")), ("", ()), ("-1", ())], ids=["two", "none", "hidden"]
)
def test_graphics_cards_are_those_that_the_user_names(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch, named: str, devices: tuple[str, ...]
) -> None:
    put_nvidia_smi(bin_folder, "0", "1", "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert machine_capacity.machine_capacity(1, [GPU]).devices == devices


# -- through the command line

SLOW = 'echo "$CUDA_VISIBLE_DEVICES" > {name}; touch {name}.began; while [ ! -e {other}.began ]; do sleep 0.05; done'


def pipeline(project: Path, text: str) -> None:
    (project / "dver.yaml").write_text(f"stages:\n{text}")


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    (git_repo / "raw").write_text("raw\n")
    return git_repo


def test_two_stages_at_once_have_a_graphics_card_each(run: Run, project: Path, bin_folder: Path) -> None:
    put_nvidia_smi(bin_folder, "0", "1")
    stages = [
        f"  {name}:\n    cmd: '{SLOW.format(name=name, other=other)}'\n    outs: [{name}]\n    resources: {{gpus: 1}}\n"
        for name, other in (("one", "two"), ("two", "one"))
    ]
    pipeline(project, "".join(stages))
    run("repro", "-j", "2", cwd=project)
    assert sorted((project / name).read_text() for name in ("one", "two")) == ["0\n", "1\n"]


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        ("gpus: 3", "it needs 3 GPUs, and this machine has 2"),
        ("cpus: 9999", "it needs 9999 CPUs, and this machine has "),
        ("memory: 500TB", "it needs 500,000.0 GB of memory, and this machine has "),
    ],
)
def test_a_stage_that_wants_more_than_there_is_is_refused_before_anything_runs(
    run: Run, project: Path, bin_folder: Path, resources: str, told: str
) -> None:
    put_nvidia_smi(bin_folder, "0", "1")
    pipeline(
        project,
        "  first: {cmd: cp raw copy, deps: [raw], outs: [copy]}\n"
        f"  large: {{cmd: cp copy model, deps: [copy], outs: [model], resources: {{{resources}}}}}\n",
    )
    found = run("repro", cwd=project, rc=10)
    assert "stage 'large' cannot run on this machine" in found.err
    assert told in found.err
    assert not (project / "copy").exists()


def test_what_was_run_on_a_larger_machine_is_put_back_on_a_smaller_one(
    run: Run, project: Path, bin_folder: Path
) -> None:
    put_nvidia_smi(bin_folder, "0", "1")
    pipeline(
        project,
        "  first: {cmd: cp raw copy, deps: [raw], outs: [copy]}\n"
        "  large: {cmd: cp copy model, deps: [copy], outs: [model], resources: {gpus: 2}}\n",
    )
    run("repro", cwd=project)
    put_nvidia_smi(bin_folder)
    assert "everything is up to date" in run("repro", cwd=project).out
    for output in ("copy", "model"):
        (project / output).unlink()
    run("repro", cwd=project)
    assert (project / "model").read_text() == "raw\n"
    (project / "raw").write_text("other\n")
    assert "cannot run on this machine" in run("repro", cwd=project, rc=10).err
    assert (project / "copy").read_text() == "raw\n"
