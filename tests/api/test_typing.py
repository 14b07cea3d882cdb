"""A user's program is checked by mypy with the types that dver ships."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.long
def test_a_typed_program_passes_and_mistakes_are_found(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "wrong.py").write_text(WRONG)
    options = ["--strict", "--cache-dir", os.devnull, "--follow-imports=silent"]
    command = [sys.executable, "-m", "mypy", *options, "program.py", "wrong.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    found = [line.split(":")[:2] for line in done.stdout.splitlines() if ": error:" in line]
    assert found == [["wrong.py", line] for line in ("4", "5", "6", "7")], done.stdout + done.stderr
