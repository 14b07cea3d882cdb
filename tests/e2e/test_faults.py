"""A short form of `make faults`: some of the faults of every scenario. And that the harness would notice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults.inject import Mode, Notes, cut_power

TESTS = Path(__file__).parents[1]
EVERY = 150

WRITER = """
import os, sys
from pathlib import Path
from faults.inject import Mode, Notes, arm
root, notes, mode, at, care = Path(sys.argv[1]), Path(sys.argv[2]), Mode(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
os.setsid()
arm(root, Notes(notes), mode, at)
with open(root / "new", "wb") as file:
    file.write(b"content")
    file.flush()
    if "file" in care:
        os.fsync(file.fileno())
os.replace(root / "new", root / "name")
if "folder" in care:
    fd = os.open(root, os.O_RDONLY)
    os.fsync(fd)
os.mkdir(root / "the end")
"""


def run_writer(folder: Path, mode: Mode, at: int, care: str) -> tuple[int, Path, Notes]:
    """Have a process write a file with some care, and break it off; its exit code, its folder, its notes."""
    root = folder / f"{mode.value}-{at}"
    root.mkdir()
    (root / "name").write_bytes(b"before")
    notes = Notes(folder / f"{root.name}.notes")
    arguments = [os.fspath(root), os.fspath(notes.folder), mode.value, str(at), care]
    done = subprocess.run(
        [sys.executable, "-c", WRITER, *arguments], env={**os.environ, "PYTHONPATH": os.fspath(TESTS)}, check=False
    )
    cut_power(root, notes, mode)
    return done.returncode, root, notes


def sites(folder: Path, care: str) -> list[str]:
    """What a careful writer does, in order."""
    _, _, notes = run_writer(folder, Mode.COUNT, 0, care)
    return [site.kind for site in notes.read_sites()]


def test_every_change_of_the_disk_is_a_site(tmp_path: Path) -> None:
    assert sites(tmp_path, "file folder") == ["create", "write", "fsync", "rename", "fsync", "mkdir"]


@pytest.mark.parametrize(
    ("care", "mode", "content"),
    [
        ("file folder", Mode.POWER_NAMES, b"content"),
        ("file folder", Mode.POWER, b"content"),
        ("folder", Mode.POWER, b""),
        ("file", Mode.POWER, b"content"),
        ("file", Mode.POWER_NAMES, b"before"),
    ],
)
def test_a_power_cut_takes_what_was_not_synced(care: str, mode: Mode, content: bytes, tmp_path: Path) -> None:
    last = len(sites(tmp_path, care))
    rc, root, _ = run_writer(tmp_path, mode, last, care)
    assert rc < 0
    assert (root / "name").read_bytes() == content


def test_a_write_that_is_killed_has_written_half(tmp_path: Path) -> None:
    rc, root, _ = run_writer(tmp_path, Mode.KILL, 2, "")
    assert rc < 0
    assert (root / "new").read_bytes() == b"con"
    assert (root / "name").read_bytes() == b"before"


def test_a_full_disk_and_a_broken_one_are_told_to_the_program(tmp_path: Path) -> None:
    for mode in (Mode.FULL, Mode.ERROR):
        rc, root, _ = run_writer(tmp_path, mode, 2, "file")
        assert rc == 1
        assert (root / "name").read_bytes() == b"before"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_faults_at_some_places_of_every_command_break_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "faults", "--every", str(EVERY), "--jobs", "1"],
        env={**os.environ, "PYTHONPATH": os.fspath(TESTS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
