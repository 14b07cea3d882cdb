"""A user's program is checked by mypy with the types that dver ships."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """\
from __future__ import annotations

from typing import BinaryIO, TextIO, assert_type

import dver


def show(event: dver.ProgressEvent) -> None:
    print(event.task, event.done, event.total)


def main() -> None:
    project = dver.Project.find()
    for added in project.add("data", progress=show).added:
        assert_type(added.path, bytes)
    with dver.open("data/a.csv", rev="v1") as binary:
        assert_type(binary, BinaryIO)
    with dver.open("data/a.csv", "r", encoding="latin-1") as text:
        assert_type(text, TextIO)
    assert_type(dver.read_bytes("data/a.csv"), bytes)
    assert_type(project.status().is_clean, bool)
    assert_type([one.name for one in project.remote.list()], list[str])
    assert_type(project.gc(dry_run=True).size, int)
    assert_type(dver.Project.clone("url", "path"), dver.Project)
    try:
        project.pull("data", rev="v1", jobs=8)
    except dver.MissingObjectError as error:
        print(error.what, error.why, error.fix)
"""

WRONG = """\
import dver

project = dver.Project.find()
project.pull(jobs="many")
project.push(force=True)
dver.open("a", "w")
dver.nothing
"""


def mypy(path: Path, text: str) -> subprocess.CompletedProcess[str]:
    path.write_text(text)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        path.parent / "cache",
        "--follow-imports=silent",
    ]
    return subprocess.run([*command, path], capture_output=True, text=True, cwd=path.parent)


def test_a_typed_program_passes_and_mistakes_are_found(tmp_path: Path) -> None:
    good = mypy(tmp_path / "program.py", PROGRAM)
    assert good.returncode == 0, good.stdout
    wrong = mypy(tmp_path / "wrong.py", WRONG)
    found = [line.split(":")[1] for line in wrong.stdout.splitlines() if ": error:" in line]
    assert found == ["4", "5", "6", "7"], wrong.stdout
