"""`dver cat` through the real command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    (git_repo / "data/sub").mkdir(parents=True)
    (git_repo / "data/sub/raw").write_bytes(b"\x00\xff one\n")
    (git_repo / "data/link").symlink_to("sub/raw")
    run("add", "data", cwd=git_repo)
    git("commit", "-qm", "v1", cwd=git_repo)
    git("tag", "v1", cwd=git_repo)
    return git_repo


def test_cat_prints_the_recorded_bytes_wherever_the_workspace_is(run: Run, project: Path) -> None:
    shutil.rmtree(project / "data")
    assert run("cat", "data/sub/raw", cwd=project).out.encode(errors="surrogateescape") == b"\x00\xff one\n"
    assert run("cat", "data/link", cwd=project).out == "sub/raw"


def test_cat_at_a_revision_prints_what_it_was_then(run: Run, project: Path) -> None:
    (project / "data/sub/raw").write_text("two\n")
    run("add", "data", cwd=project)
    assert run("cat", "sub/raw", cwd=project / "data").out == "two\n"
    assert "one" in run("cat", "--rev", "v1", "data/sub/raw", cwd=project).out


def test_cat_of_a_tracked_file_takes_its_pointers_name_too(run: Run, project: Path) -> None:
    (project / "net").write_text("net\n")
    run("add", "net", cwd=project)
    assert run("cat", "net", cwd=project).out == run("cat", "net.dver", cwd=project).out == "net\n"


def test_cat_streams_a_file_too_large_for_memory(run: Run, project: Path) -> None:
    big = project / "big"
    with big.open("wb") as file:
        for number in range(70):
            file.write(bytes([number]) * (1 << 20))
    run("add", "big", cwd=project)
    command = [sys.executable, "-m", "dver", "cat", "big"]
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE)
    assert subprocess.run(["cmp", "-", big], stdin=process.stdout).returncode == 0
    assert process.wait() == 0


@pytest.mark.parametrize("path", ["data", "data/sub", "."])
def test_cat_of_a_directory_is_refused(run: Run, project: Path, path: str) -> None:
    assert f"dver ls {path}" in run("cat", path, cwd=project, rc=2).err


def test_cat_of_content_that_is_not_here_says_how_to_get_it(run: Run, project: Path) -> None:
    shutil.rmtree(project / ".git/dver/store")
    result = run("cat", "data/sub/raw", cwd=project, rc=5)
    assert result.out == ""
    assert "dver fetch data/sub/raw" in result.err


def test_cat_prints_no_byte_of_damaged_content(run: Run, project: Path) -> None:
    (project / "net").write_bytes(bytes(range(256)))
    run("add", "net", cwd=project)
    for pack in (project / ".git/dver/store/packs").glob("*.pack"):
        content = pack.read_bytes()
        pack.chmod(0o644)
        pack.write_bytes(content.replace(bytes(range(100)), bytes(range(1, 101))))
    result = run("cat", "net", cwd=project, rc=6)
    assert result.out == ""
    assert "'net' is damaged" in result.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_cat_ends_quietly_when_nobody_reads_on(run: Run, project: Path, unbuffered: str) -> None:
    (project / "data/big").write_bytes(bytes(4 << 20))
    run("add", "data", cwd=project)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    for redirection, code in ((">&-", 0), ("| head -c 5 >&2; exit ${PIPESTATUS[0]}", 141), ("| wc -c >&2", 0)):
        script = f"{sys.executable} -m dver cat data/big {redirection}"
        done = subprocess.run(["bash", "-c", script], cwd=project, capture_output=True, env=environment)
        assert done.returncode == code
        assert b"error" not in done.stderr
    assert done.stderr.split() == [b"4194304"]
