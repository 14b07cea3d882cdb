"""`push` and `pull`, killed at random moments: the same command run again completes, and nothing is damaged."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from killing import KILLS, Killer, timed
from support import Run, git, make_git_repo, run_dver

from dver.core.oid import Oid
from dver.formats import remote_index
from dver.store.objects.codec import Decoder
from dver.store.objects.packs import PackReader, parse_pack_file_name

pytestmark = pytest.mark.long


def _build(repo: Path) -> None:
    made = random.Random(5)
    make_git_repo(repo)
    for number in range(250):
        file = repo / "data" / f"d{number % 7}" / f"f{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made.randbytes(3000))
    for number in range(3):
        (repo / "data" / f"large{number}").write_bytes(made.randbytes(3_000_000))
    run_dver("init", cwd=repo)
    run_dver("add", "data", cwd=repo)
    run_dver("remote", "add", "-d", "origin", "../remote", cwd=repo)
    git("commit", "-qam", "Data", cwd=repo)


def _verify_remote(remote: Path) -> None:
    """Every pack that has a name is whole, and every index lists only objects that are there."""
    decoder = Decoder()
    packs: dict[Oid, dict[Oid, int]] = {}
    for file in (remote / "packs").glob("*"):
        name = parse_pack_file_name(file.name)
        if name is None:
            continue  # the temporary file of the process that was killed
        with PackReader(file) as reader:
            rows = reader.rows(name)
            for row in rows:
                decoder.open_frame(row._replace(checksum=0), reader.read(row.offset, row.frame_size))
        packs[name] = {row.oid: row.offset for row in rows}
    for file in (remote / "indexes").iterdir():
        if file.suffix != ".idx":
            continue
        content = file.read_bytes()
        index = remote_index.decode_named(Oid(bytes.fromhex(file.stem)), content)
        for found in index.objects:
            assert packs[index.packs[found.pack].name][found.oid] == found.offset


def test_push_killed_at_any_moment_is_completed_by_the_next_push(env: Path, tmp_path: Path, run: Run) -> None:
    repo, remote = tmp_path / "repo", tmp_path / "remote"
    _build(repo)
    killer = Killer(timed("push", cwd=repo))
    for _ in range(KILLS):
        shutil.rmtree(remote)
        killer.kill(["push"], repo)
        if (remote / "indexes").exists():
            _verify_remote(remote)
        run("push", cwd=repo)
        _verify_remote(remote)
        run("check", "available", "--remote", cwd=repo)
    assert killer.killed >= KILLS // 3


def test_pull_killed_at_any_moment_is_completed_by_the_next_pull(env: Path, tmp_path: Path, run: Run) -> None:
    repo = tmp_path / "repo"
    _build(repo)
    run("push", cwd=repo)
    clone = tmp_path / "clone"
    git("clone", "-q", repo, clone, cwd=tmp_path)
    killer = Killer(timed("pull", cwd=clone))
    for _ in range(KILLS):
        shutil.rmtree(clone)
        git("clone", "-q", repo, clone, cwd=tmp_path)
        killer.kill(["pull"], clone)
        run("pull", cwd=clone)
        done = subprocess.run(
            ["diff", "-r", os.fspath(repo / "data"), os.fspath(clone / "data")], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout.decode()
        assert run("status", "--exit-code", cwd=clone).out == "data is clean\n"
        leftovers = [path for path in clone.rglob(".dver-*") if path.name != ".dver"]
        assert not leftovers
    assert killer.killed >= KILLS // 3


def test_a_push_that_was_killed_tells_of_its_runs_the_next_time(env: Path, tmp_path: Path, run: Run) -> None:
    repo, remote = tmp_path / "repo", tmp_path / "remote"
    make_git_repo(repo)
    stages = 'stages: {make: {cmd: "echo ${rate} > made", params: [rate], outs: [made]}}\n'
    (repo / "dver.yaml").write_text(stages)
    (repo / "params.yaml").write_text("rate: none\n")
    run("init", cwd=repo)
    run("remote", "add", "-d", "origin", "../remote", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Stages", cwd=repo)
    run("repro", cwd=repo)
    killer = Killer(timed("push", cwd=repo))
    clone = tmp_path / "clone"
    git("clone", "-q", repo, clone, cwd=tmp_path)
    for number in range(KILLS // 2):
        for one in (repo, clone):
            (one / "params.yaml").write_text(f"rate: {number}\n")
        run("repro", cwd=repo)
        killer.kill(["push"], repo)
        run("push", cwd=repo)
        assert "make: restored" in run("repro", "--pull", cwd=clone).err
        assert (clone / "made").read_text() == f"{number}\n"
        _verify_remote(remote)
    assert killer.killed
