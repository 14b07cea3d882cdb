"""`dver demo`: the whole session."""

from __future__ import annotations

import os
import re
import runpy
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import Run, git, run_dver

DATASET = runpy.run_path(str(Path(__file__).parents[4] / "examples" / "fruit" / "dataset.py"))
write_first, write_second = DATASET["write_first"], DATASET["write_second"]

PROMPT = re.compile(r"^\S+\$ (.+)$", re.MULTILINE)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class DemoRun:
    """A demo that ran: its directory and its output."""

    folder: Path
    out: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """One demo for several tests. As on a new machine: there is no home, no identity, no setting."""
    root = tmp_path_factory.mktemp("demo")
    nowhere = str(root / "nowhere")
    bare = {"HOME": nowhere, "XDG_CONFIG_HOME": nowhere, "GIT_CONFIG_GLOBAL": nowhere, "GIT_DIR": "x", "NO_COLOR": "1"}
    out = run_dver("demo", root / "dver-demo", env=bare).out
    assert not (root / "nowhere").exists()
    return DemoRun(root / "dver-demo", out)


def test_the_demo_runs_the_whole_job_and_every_comparison_holds(demo: DemoRun) -> None:
    commands = PROMPT.findall(demo.out)
    verbs = ["dver init", "dver add", "dver remote add", "dver push", "dver pull", "dver status", "dver diff"]
    for start in [*verbs, "git clone", "dver checkout v1 data --to", "git checkout", "dver checkout"]:
        assert any(command.startswith(start) for command in commands), start
    # A comparison that holds prints nothing: the next line is the next command, or a headline.
    lines = demo.out.splitlines()
    after = [lines[at + 1] for at, line in enumerate(lines) if "$ diff -r " in line]
    assert len(after) >= 10
    assert all("$ " in line or line == "" for line in after)


def test_the_demo_leaves_two_versions_and_a_remote_of_few_objects(demo: DemoRun) -> None:
    assert git("tag", "--list", cwd=demo.folder / "project").split() == ["v1", "v2"]
    assert git("status", "--porcelain", cwd=demo.folder / "project") == ""
    second = files(demo.folder / "kept/v2/data")
    assert files(demo.folder / "project/data") == files(demo.folder / "colleague/data") == second
    assert files(demo.folder / "old/data") == files(demo.folder / "kept/v1/data")
    assert len(files(demo.folder / "share")) <= 10


def test_the_session_in_the_readme_is_what_the_demo_prints(demo: DemoRun) -> None:
    readme = (Path(__file__).parents[4] / "README.md").read_text()
    (session,) = re.findall(r"```console\n(.*?)```", readme, re.DOTALL)
    printed = iter(_plain(demo.out.replace(str(demo.folder), "/tmp/dver-demo")).splitlines())
    for line in _plain(session).splitlines():
        if line not in ("", "…"):
            assert line in printed, f"the demo does not print this, or not there: {line}"


def _plain(text: str) -> str:
    """Without sizes in bytes: compression libraries differ a little."""
    return re.sub(r"[\d.]+ [kM]?B\b", "SIZE", text)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_demo_touches_nothing_that_is_there(run: Run, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "mine"
    if kind == "folder":
        target.mkdir()
        (target / "precious").write_text("x")
    else:
        target.write_text("x")
    before = files(tmp_path)
    result = run("demo", target, rc=2)
    assert "fix: give" in result.err
    assert files(tmp_path) == before


def test_the_demo_stops_at_the_first_difference(run: Run, tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "diff"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho Only in v1: something\nexit 1\n")
    fake.chmod(0o755)
    result = run("demo", "demo", rc=1, env={"PATH": f"{fake.parent}:{os.environ['PATH']}"})
    assert result.out.endswith("Only in v1: something\n")
    assert "the demo stopped: `diff -r ../kept/v1/data data` ended with exit code 1" in result.err


def test_the_data_of_the_demo_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_first(tmp_path / name)
    first = files(tmp_path / "one")
    assert first == files(tmp_path / "two")
    assert len(first) > 250
    for name in ("one", "two"):
        write_second(tmp_path / name)
    second = files(tmp_path / "one")
    assert second == files(tmp_path / "two")
    assert second.keys() - first.keys()
    assert first.keys() - second.keys()


def test_the_pictures_of_the_demo_are_pictures(tmp_path: Path) -> None:
    write_first(tmp_path)
    content = (tmp_path / "data/images/train/plum/plum-000.png").read_bytes()
    at, chunks = 8, {}
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        body = content[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", content, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        at += length + 12
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + 3 * width)
