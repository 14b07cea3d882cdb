"""`add` and `checkout`, killed at random moments: the same command run again completes, and nothing saved is lost."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from killing import KILLS, Killer, timed
from support import Run, git, make_git_repo

from dver.store.objects.codec import Decoder
from dver.store.objects.packs import PackReader, parse_pack_file_name

pytestmark = pytest.mark.long


def _fill(data: Path, seed: int, *, changed: Iterable[int]) -> None:
    """Files of a version: those numbered in `changed` differ from one version to the next."""
    stable = random.Random(1)
    own = random.Random(seed)
    different = set(changed)
    for number in range(480):
        content = stable.randbytes(1500)
        file = data / f"d{number % 6}" / f"f{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(own.randbytes(1500) if number in different else content)
    for number in range(2):
        (data / f"large{number}").write_bytes(own.randbytes(2_000_000))


def _assert_same(left: Path, right: Path) -> None:
    done = subprocess.run(["diff", "-r", os.fspath(left), os.fspath(right)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()


def _assert_no_leftovers(repo: Path) -> None:
    assert [path for path in repo.rglob(".dver-*") if path.name != ".dver"] == []


def _verify_store(repo: Path) -> None:
    """Every pack that has a name is whole, and no temporary file is left."""
    decoder = Decoder()
    store = repo / ".git" / "dver" / "store"
    for file in (store / "packs").iterdir():
        name = parse_pack_file_name(file.name)
        assert name is not None, file
        with PackReader(file) as reader:
            for row in reader.rows(name):
                decoder.open_frame(row._replace(checksum=0), reader.read(row.offset, row.frame_size))
    _assert_no_leftovers(repo)


@pytest.fixture
def repo(run: Run, tmp_path: Path) -> Path:
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    git("commit", "-qm", "Project", cwd=repo)
    return repo


def test_add_killed_at_any_moment_is_completed_by_the_next_add(run: Run, repo: Path, tmp_path: Path) -> None:
    _fill(repo / "data", seed=0, changed=())
    killer = Killer(timed("add", "data", cwd=repo))
    run("add", "data", cwd=repo)
    for round_number in range(KILLS):
        # From nothing every time: an empty store, no pointer, no index database.
        git("reset", "-q", "--hard", cwd=repo)
        shutil.rmtree(repo / ".git" / "dver")
        killer.kill(["add", "data"], repo)
        run("add", "data", cwd=repo)
        _verify_store(repo)
        if round_number % 10 == 0:
            run("checkout", "--to", tmp_path / f"out{round_number}", cwd=repo)
            _assert_same(repo / "data", tmp_path / f"out{round_number}" / "data")
    assert killer.killed >= KILLS // 3


def test_a_pointer_never_dangles_when_add_is_killed(run: Run, repo: Path) -> None:
    _fill(repo / "data", seed=0, changed=())
    run("add", "data", cwd=repo)
    git("commit", "-qm", "v1", cwd=repo)
    killer = Killer(timed("add", "data", cwd=repo))
    for round_number in range(KILLS):
        _fill(repo / "data", seed=round_number, changed=range(0, 480, 7))
        killer.kill(["add", "data"], repo)
        # The pointer is the old one or the new one, and either is complete.
        git("add", "data.dver", cwd=repo)
        git("commit", "-qm", "kill", "--allow-empty", cwd=repo)
        run("check", "available", cwd=repo)


def test_checkout_killed_at_any_moment_is_completed_by_the_next_checkout(run: Run, repo: Path, tmp_path: Path) -> None:
    for version in (1, 2):
        _fill(repo / "data", seed=version, changed=range(version, 480, 3))
        (repo / "data" / f"only-in-{version}").mkdir()
        (repo / "data" / f"only-in-{version}" / "file").write_text(f"{version}\n")
        run("add", "data", cwd=repo)
        git("commit", "-qm", f"v{version}", cwd=repo)
        git("tag", f"v{version}", cwd=repo)
        shutil.copytree(repo / "data", tmp_path / f"v{version}")
        shutil.rmtree(repo / "data" / f"only-in-{version}")
    (repo / "data" / "only-in-2").mkdir()
    (repo / "data" / "only-in-2" / "file").write_text("2\n")
    git("checkout", "-q", "v1", cwd=repo)
    killer = Killer(timed("checkout", cwd=repo))
    for round_number in range(KILLS):
        version = round_number % 2 + 1
        git("checkout", "-q", f"v{version}", cwd=repo)
        if round_number % 5 == 4:
            shutil.rmtree(repo / "data")
        killer.kill(["checkout"], repo)
        run("checkout", cwd=repo)
        _assert_same(tmp_path / f"v{version}", repo / "data")
        _assert_no_leftovers(repo)
        if round_number % 5 == 0:
            assert run("status", "--exit-code", cwd=repo).out == "data is clean\n"
    _verify_store(repo)
    assert killer.killed >= KILLS // 3


def test_a_killed_checkout_never_harms_unsaved_work(run: Run, repo: Path) -> None:
    for version in (1, 2):
        _fill(repo / "data", seed=version, changed=range(version, 480, 3))
        run("add", "data", cwd=repo)
        git("commit", "-qm", f"v{version}", cwd=repo)
        git("tag", f"v{version}", cwd=repo)
    work = {repo / "data/d1/f1": b"changed in v1", repo / "data/d2/f2": b"changed in v2", repo / "data/mine": b"new"}
    for path, content in work.items():
        path.write_bytes(content)
    killer = Killer(0.5)
    for round_number in range(10):
        git("checkout", "-q", f"v{1 + round_number % 2}", cwd=repo)
        killer.kill(["checkout"], repo)
        assert {path: path.read_bytes() for path in work} == work
