"""Data of one team as the input of another: real Git with hooks, a Git server, two clones and a colleague."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from githooks import put_dver_on_path
from gitserver import GitServer, allow_filters, git_server
from support import Run, git, make_git_repo
from workspaces import listing, write


@pytest.fixture(autouse=True)
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    monkeypatch.setenv("DVER_HOOKS_INSTALL", "true")


@pytest.fixture
def producer(run: Run, tmp_path: Path) -> Path:
    """The project of the team that makes the data. Its hooks push the data."""
    repo = make_git_repo(tmp_path / "served" / "producer")
    run("init", cwd=repo)
    run("remote", "add", "-d", "origin", tmp_path / "their-remote", cwd=repo)
    write(repo, {"images/train/1": b"one", "images/train/2": b"two", "labels.csv": b"a,b\n"})
    release(run, repo, "images")
    return repo


def release(run: Run, repo: Path, path: str) -> None:
    """Commit a new version of `path`, and push its data."""
    run("add", path, cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", f"New {path}", cwd=repo)
    run("push", cwd=repo)
    allow_filters(repo)


@pytest.fixture
def server(producer: Path) -> Iterator[GitServer]:
    with git_server(producer.parent) as running:
        yield running


@pytest.fixture
def url(server: GitServer) -> str:
    return f"{server.url}/producer/.git"


@pytest.fixture
def consumer(run: Run, tmp_path: Path) -> Path:
    """The project of the team that uses the data, cloned from a bare repository that all of them share."""
    git("init", "-q", "--bare", tmp_path / "shared.git", cwd=tmp_path)
    repo = make_git_repo(tmp_path / "consumer")
    git("remote", "add", "origin", tmp_path / "shared.git", cwd=repo)
    run("init", cwd=repo)
    run("remote", "add", "-d", "ours", tmp_path / "our-remote", cwd=repo)
    git("commit", "-qm", "Begin", cwd=repo)
    return repo


def share(repo: Path) -> None:
    git("push", "-qu", "origin", "HEAD", cwd=repo)


def clone(run: Run, tmp_path: Path, name: str) -> Path:
    git("clone", "-q", tmp_path / "shared.git", name, cwd=tmp_path)
    run("install", cwd=tmp_path / name)
    run("config", "trust", cwd=tmp_path / name)
    return tmp_path / name


def test_a_colleague_without_access_to_the_source_gets_imported_data(
    run: Run, producer: Path, server: GitServer, url: str, consumer: Path, tmp_path: Path
) -> None:
    run("import", url, "images/train", "-o", "data/train", cwd=consumer)
    git("commit", "-qm", "Import", cwd=consumer)
    share(consumer)  # the pre-push hook pushes the data
    other = clone(run, tmp_path, "other")
    run("pull", cwd=other)
    write(producer, {"images/train/3": b"three"})
    release(run, producer, "images")
    updated = run("update", cwd=other)
    assert "1 added" in updated.out
    git("commit", "-qm", "Update", cwd=other)
    share(other)
    shutil.rmtree(producer)
    shutil.rmtree(tmp_path / "their-remote")
    server.seen.clear()
    colleague = clone(run, tmp_path, "colleague")
    run("pull", cwd=colleague)
    assert sorted(listing(colleague / "data/train")) == [b"1", b"2", b"3"]
    git("pull", "-q", cwd=consumer)  # the hooks check the new version out as far as it is here
    run("pull", cwd=consumer)
    assert listing(consumer / "data/train") == listing(colleague / "data/train")
    assert server.seen == []


def test_data_that_is_not_pushed_comes_from_its_source(
    run: Run, producer: Path, url: str, consumer: Path, tmp_path: Path, env: Path
) -> None:
    run("import", "--no-push", url, "images", cwd=consumer)
    git("commit", "-qm", "Import", cwd=consumer)
    share(consumer)
    assert not list((tmp_path / "our-remote").rglob("*.pack"))
    colleague = clone(run, tmp_path, "colleague")
    pulled = run("pull", cwd=colleague)
    assert f"from source ({url})" in pulled.out
    assert listing(colleague / "images") == listing(producer / "images")
    shutil.rmtree(env / ".cache", ignore_errors=True)
    shutil.rmtree(producer)
    last = clone(run, tmp_path, "last")
    failed = run("pull", cwd=last, rc=None)
    assert failed.rc != 0
    assert f"cannot download 'images' from its source {url}" in failed.err
    assert "imported with --no-push" in failed.err


def test_status_add_and_hooks_never_contact_a_source(run: Run, producer: Path, consumer: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.settimeout(0)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/data.git"
        for options in ((), ("--no-push",)):
            name = f"data{len(options)}"
            run("import", *options, producer, "images", "-o", name, cwd=consumer)
            pointer = consumer / f"{name}.dver"
            pointer.write_text(pointer.read_text().replace(str(producer), address))
            git("add", pointer, cwd=consumer)
        shutil.rmtree(producer)
        run("status", cwd=consumer)
        run("diff", cwd=consumer)
        write(consumer, {"data0/mine": b"mine", "data1/mine": b"mine"})
        run("add", "data0", "data1", cwd=consumer)
        git("commit", "-qm", "Edit", cwd=consumer)  # pre-commit
        git("checkout", "-q", "HEAD~1", cwd=consumer)  # post-checkout
        git("checkout", "-q", "-", cwd=consumer)
        share(consumer)  # pre-push
        run("checkout", cwd=consumer)
        run("push", cwd=consumer)
        run("fetch", cwd=consumer)
        run("gc", "--dry-run", cwd=consumer)
        run("check", "available", cwd=consumer)
        with pytest.raises(BlockingIOError):
            listening.accept()
        assert address in (consumer / "data1.dver").read_text()  # an edit keeps the source


def test_imported_data_is_an_input_of_stages_like_any_other(run: Run, producer: Path, url: str, consumer: Path) -> None:
    run("import", url, "images/train", cwd=consumer)
    (consumer / "dver.yaml").write_text(
        "stages:\n  count:\n    cmd: ls train | wc -l > count.txt\n    deps: [train]\n    outs: [count.txt]\n"
    )
    run("repro", cwd=consumer)
    assert (consumer / "count.txt").read_text().strip() == "2"
    assert "up to date" in run("repro", cwd=consumer).out + run("repro", cwd=consumer).err
    write(producer, {"images/train/3": b"three"})
    release(run, producer, "images")
    run("update", "train", cwd=consumer)
    assert "count" in run("status", cwd=consumer).out
    run("repro", cwd=consumer)
    assert (consumer / "count.txt").read_text().strip() == "3"


def test_branches_that_updated_an_import_differently_are_merged(
    run: Run, producer: Path, url: str, consumer: Path
) -> None:
    git("tag", "v1", cwd=producer)
    run("import", url, "images", "--rev", "v1", cwd=consumer)
    git("commit", "-qm", "Import", cwd=consumer)
    git("branch", "side", cwd=consumer)
    write(producer, {"images/train/3": b"three"})
    release(run, producer, "images")
    git("tag", "v2", cwd=producer)
    run("update", "--rev", "v2", "images", cwd=consumer)
    git("commit", "-qm", "v2", cwd=consumer)
    git("switch", "-q", "side", cwd=consumer)
    write(consumer, {"images/mine": b"mine"})
    run("add", "images", cwd=consumer)
    git("commit", "-qm", "Mine", cwd=consumer)
    git("switch", "-q", "-", cwd=consumer)
    git("merge", "-q", "-m", "Merge", "side", cwd=consumer)
    assert {b"mine", b"train/3"} <= listing(consumer / "images").keys()
    assert "rev: v2" in (consumer / "images.dver").read_text()
    git("switch", "-qc", "other", "HEAD~1", cwd=consumer)
    write(producer, {"images/train/4": b"four"})
    release(run, producer, "images")
    git("tag", "v3", cwd=producer)
    run("update", "--rev", "v3", "images", cwd=consumer)
    git("commit", "-qm", "v3", cwd=consumer)
    git("switch", "-qc", "another", "HEAD~2", cwd=consumer)
    run("update", "--rev", "HEAD", "images", cwd=consumer)
    git("commit", "-qm", "HEAD", cwd=consumer)
    conflict = subprocess.run(["git", "merge", "other"], cwd=consumer, capture_output=True, text=True)
    assert conflict.returncode == 1
    assert "source" in conflict.stdout + conflict.stderr
    run("resolve", "images", "--theirs", cwd=consumer)
    assert "rev: v3" in (consumer / "images.dver").read_text()
    assert (consumer / "images/train/4").read_bytes() == b"four"
