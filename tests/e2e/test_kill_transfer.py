"""`push` and `pull`, killed at random moments: the same command run again completes, and nothing is damaged."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from support import Run, git, make_git_repo, run_dver

from dver.core.oid import Oid
from dver.formats import remote_index
from dver.store.codec import Decoder
from dver.store.packs import PackReader, parse_pack_file_name

KILLS = 50


def _build(repo: Path) -> None:
    made = random.Random(5)
    make_git_repo(repo)
    for number in range(250):
        file = repo / "data" / f"d{number % 7}" / f"f{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made.randbytes(3000))
    for number in range(3):
        (repo / "data" / f"large{number}").write_bytes(made.randbytes(9_000_000))
    run_dver("init", cwd=repo)
    run_dver("add", "data", cwd=repo)
    run_dver("remote", "add", "-d", "origin", "../remote", cwd=repo)
    git("commit", "-qam", "Data", cwd=repo)


def _run_and_kill(arguments: Sequence[str], cwd: Path, after: float) -> bool:
    """Start dver, and kill it after some seconds. Was it still at work?"""
    process = subprocess.Popen(
        [sys.executable, "-m", "dver", *arguments], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def _moments(duration: float) -> list[float]:
    made = random.Random(int(duration * 1000))
    return [made.uniform(0.05, duration * 1.1) for _ in range(KILLS)]


def _timed(*arguments: str, cwd: Path) -> float:
    start = time.perf_counter()
    run_dver(*arguments, cwd=cwd)
    return time.perf_counter() - start


def _verify_remote(remote: Path) -> None:
    """Every pack that has a name is whole, and every index lists only objects that are there."""
    decoder = Decoder()
    packs: dict[Oid, dict[Oid, int]] = {}
    for file in (remote / "packs").iterdir():
        name = parse_pack_file_name(file.name)
        if name is None:
            continue  # the temporary file of the process that was killed
        with PackReader(file) as reader:
            rows = reader.rows(name)
            for row in rows:
                for _ in decoder.decode_stream(row, reader.payload_pieces(row)):
                    pass
        packs[name] = {row.oid: row.offset for row in rows}
    for file in (remote / "indexes").iterdir():
        if file.suffix != ".idx":
            continue
        content = file.read_bytes()
        assert Oid.of(content).hex() == file.stem
        index = remote_index.decode(content)
        for found in index.objects:
            assert packs[index.packs[found.pack].name][found.oid] == found.offset


def test_push_killed_at_any_moment_is_completed_by_the_next_push(env: Path, tmp_path: Path, run: Run) -> None:
    repo, remote = tmp_path / "repo", tmp_path / "remote"
    _build(repo)
    duration = _timed("push", cwd=repo)
    killed = 0
    for moment in _moments(duration):
        shutil.rmtree(remote)
        killed += _run_and_kill(["push"], repo, moment)
        if (remote / "indexes").exists():
            _verify_remote(remote)
        run("push", cwd=repo)
        _verify_remote(remote)
        run("check", "--remote", cwd=repo)
    assert killed >= KILLS // 3, "hardly any process was killed while it ran: the moments are badly chosen"


def test_pull_killed_at_any_moment_is_completed_by_the_next_pull(env: Path, tmp_path: Path, run: Run) -> None:
    repo = tmp_path / "repo"
    _build(repo)
    run("push", cwd=repo)
    clone = tmp_path / "clone"
    git("clone", "-q", repo, clone, cwd=tmp_path)
    duration = _timed("pull", cwd=clone)
    killed = 0
    for moment in _moments(duration):
        shutil.rmtree(clone)
        git("clone", "-q", repo, clone, cwd=tmp_path)
        killed += _run_and_kill(["pull"], clone, moment)
        run("pull", cwd=clone)
        done = subprocess.run(
            ["diff", "-r", os.fspath(repo / "data"), os.fspath(clone / "data")], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout.decode()
        assert run("status", "--exit-code", cwd=clone).out == "data is clean\n"
        leftovers = [path for path in clone.rglob(".dver-*") if path.name != ".dver"]
        assert not leftovers
    assert killed >= KILLS // 3, "hardly any process was killed while it ran: the moments are badly chosen"
