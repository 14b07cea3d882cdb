"""`dver get` and `dver list` through the real command line, from a Git server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitserver import allow_filters, git_server
from support import Run, git
from workspaces import write


@pytest.fixture
def url(run: Run, git_repo: Path, tmp_path: Path) -> Iterator[str]:
    """A project on a Git server, tagged v1."""
    run("init", cwd=git_repo)
    write(git_repo, {"data/a.csv": b"1,2\n", "data/deep/b": b"b" * 2000, "params.yaml": b"lr: 1\n"})
    run("add", "data", cwd=git_repo)
    run("remote", "add", "-d", "origin", tmp_path / "remote", cwd=git_repo)
    run("push", cwd=git_repo)
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "v1", cwd=git_repo)
    git("tag", "v1", cwd=git_repo)
    allow_filters(git_repo)
    with git_server(tmp_path) as server:
        yield f"{server.url}/repo/.git"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory outside of any repository."""
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


def test_get_writes_and_says_what(run: Run, url: str, here: Path) -> None:
    result = run("get", url, "data", cwd=here)
    assert result.out.startswith("wrote data (2 files, 2.0 kB) at ")
    assert (here / "data/a.csv").read_bytes() == b"1,2\n"
    assert run("get", url, "data/a.csv", "--rev", "v1", "-q", cwd=here).out == ""
    assert run("get", f"{url}@v1:params.yaml", "-o", "p.yaml", "--json", cwd=here).json["files"] == 1
    assert (here / "p.yaml").read_bytes() == b"lr: 1\n"


def test_list_prints_names_sizes_and_json(run: Run, url: str, here: Path) -> None:
    assert run("list", url, "data", cwd=here).out == "data/a.csv\ndata/deep/\n"
    assert run("list", f"{url}@v1:data", "-R", cwd=here).out == "data/a.csv\ndata/deep/b\n"
    assert "params.yaml" in run("list", url, cwd=here).out.splitlines()
    assert run("list", url, "-R", "--tracked", "--size", cwd=here).out == "   4 B  data/a.csv\n2.0 kB  data/deep/b\n"
    assert run("list", url, "data/a.csv", "--json", cwd=here).json[0]["size"] == 4
    assert not list(here.iterdir())


def test_get_follows_a_directory_on_this_machine(run: Run, url: str, git_repo: Path, here: Path) -> None:
    run("get", "../repo", "data/a.csv", cwd=here)
    assert (here / "a.csv").read_bytes() == b"1,2\n"
    assert run("list", "../repo", "data", cwd=here).out == "data/a.csv\ndata/deep/\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none"], 3, "no directory 'none'"),
        (["{url}", "data/a.cvs"], 2, "did you mean 'data/a.csv'?"),
        (["{url}", "--rev", "mian"], 2, "did you mean main?"),
        (["{url}@v1:data", "--rev", "v2"], 2, "two revisions"),
        (["http://nowhere.invalid/x", "a"], 7, "its host is unknown"),
        (["{url}x", "a"], 3, "no Git repository at"),
        (["{url}", "params.yaml", "--remote", "other"], 0, ""),
        (["{url}", "data", "--remote", "other"], 2, "its remotes are: origin"),
    ],
)
def test_wrong_arguments_have_errors_that_help(
    run: Run, url: str, here: Path, arguments: list[str], code: int, said: str
) -> None:
    result = run("get", *[one.format(url=url) for one in arguments], cwd=here, rc=code)
    assert said in result.err
    assert code == 0 or not list(here.iterdir())


def test_ctrl_c_leaves_nothing(run: Run, url: str, here: Path, tmp_path: Path) -> None:
    """The remote waits for ever, so the download is in its middle when the signal comes."""
    for pack in (tmp_path / "remote").rglob("*.pack"):
        pack.unlink()
        os.mkfifo(pack)
    process = subprocess.Popen([sys.executable, "-m", "dver", "get", url, "data"], cwd=here, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "repo").parent.glob("here/.dver-*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert b"Traceback" not in said
    assert list(here.iterdir()) == []


def test_cat_and_ls_read_addresses(run: Run, url: str, git_repo: Path, here: Path) -> None:
    assert run("cat", f"{url}@v1:data/a.csv", cwd=here).out == "1,2\n"
    assert run("cat", f"{url}@:params.yaml", cwd=here).out == "lr: 1\n"
    assert run("ls", f"{url}@v1:data", cwd=here).out == "data/a.csv\ndata/deep/\n"
    assert run("ls", "-R", "--size", "../repo@v1:data", cwd=here).out == "   4 B  data/a.csv\n2.0 kB  data/deep/b\n"
    assert run("cat", "@v1:data/a.csv", cwd=git_repo).out == "1,2\n"
    assert run("ls", "@v1:data", cwd=git_repo).out == "data/a.csv\ndata/deep/\n"
    assert "two revisions" in run("cat", "--rev", "v1", "@v1:data/a.csv", cwd=git_repo, rc=2).err
    assert "did you mean" in run("cat", f"{url}@v1:data/a.cvs", cwd=here, rc=2).err


def test_an_existing_path_that_looks_like_an_address_is_a_path(run: Run, git_repo: Path) -> None:
    run("init", cwd=git_repo)
    (git_repo / "@v1:x").write_text("a path\n")
    run("add", "@v1:x", cwd=git_repo)
    assert run("cat", "@v1:x", cwd=git_repo).out == "a path\n"


def test_checkout_takes_a_revision_and_a_path_in_one_word(run: Run, url: str, git_repo: Path) -> None:
    write(git_repo, {"data/a.csv": b"3,4\n"})
    run("add", "data", cwd=git_repo)
    run("checkout", "@v1:data/a.csv", cwd=git_repo)
    assert (git_repo / "data/a.csv").read_bytes() == b"1,2\n"
    refused = run("checkout", f"{url}@v1:data", cwd=git_repo, rc=2)
    assert f"fix: dver get {url}@v1:data" in refused.err
