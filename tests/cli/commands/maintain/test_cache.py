"""`dver cache` through the real command line."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from registered_models import make_source
from support import Run

import dver
from dver.access.cache import ObjectCache
from dver.core.cache_dir import user_cache_dir
from dver.core.oid import Oid

URL = "https://example.org/team/data.git"


@pytest.fixture
def mirror() -> Path:
    """A mirror of URL in the cache, used four days ago, beside an object that was used now."""
    ObjectCache.of_user().put(Oid.of(b"content"), b"content")
    directory = user_cache_dir() / "mirrors/0123456789abcdef"
    (directory / "objects").mkdir(parents=True)
    (directory / "description").write_text(f"{URL}\n")
    (directory / "objects/pack").write_bytes(bytes(1000))
    then = time.time() - 4 * 86400 - 60
    os.utime(directory, (then, then))
    return directory


def test_lists_objects_and_mirrors(run: Run, mirror: Path) -> None:
    lines = run("cache", "list").out.splitlines()
    assert lines[0].split() == ["objects", "1", "7", "B", "used", "today"]
    assert lines[1].split() == [URL, "1.0", "kB", "used", "4", "days", "ago"]
    assert lines[2] == f"1.0 kB in {user_cache_dir()}; limit of objects: 10 GB"
    found = run("cache", "list", "--json").json
    assert found["objects"]["count"] == 1
    assert [one["url"] for one in found["mirrors"]] == [URL]


def test_an_empty_cache_is_listed_as_empty(run: Run) -> None:
    assert run("cache", "list").out.splitlines()[0].split() == ["objects", "0", "0", "B"]
    assert run("cache", "clear").out == "deleted 0 objects and 0 mirrors, 0 B\n"


def test_clears_everything(run: Run, mirror: Path) -> None:
    assert run("cache", "clear").out == "deleted 1 object and 1 mirror, 1.0 kB\n"
    assert not mirror.exists()
    assert ObjectCache.of_user().get(Oid.of(b"content")) is None


def test_clears_objects_or_mirrors_only(run: Run, mirror: Path) -> None:
    assert run("cache", "clear", "--objects", "--json").json["objects"]["count"] == 1
    assert mirror.exists()
    ObjectCache.of_user().put(Oid.of(b"content"), b"content")
    run("cache", "clear", "--mirrors")
    assert not mirror.exists()
    assert ObjectCache.of_user().get(Oid.of(b"content")) == b"content"


def test_lists_and_clears_copies_of_models(run: Run, mirror: Path, tmp_path: Path) -> None:
    source = make_source(tmp_path / "source", tmp_path / "remote")
    path = dver.model("churn#prod", repo=source.root).path()
    assert run("cache", "list").out.splitlines()[2].split()[:2] == ["churn@v1.0.0", "9"]
    assert "1 model," in run("cache", "clear", "--models").out
    assert not path.exists()
    assert mirror.exists()


def test_clears_what_was_not_used(run: Run, mirror: Path) -> None:
    assert "0 mirrors" in run("cache", "clear", "--unused", "7d").out
    assert "0 objects and 1 mirror" in run("cache", "clear", "--unused", "3d").out
    assert "such as --unused 14d" in run("cache", "clear", "--unused", "soon", rc=2).err


def test_the_limit_is_a_setting_of_the_user(run: Run, git_repo: Path) -> None:
    run("init", cwd=git_repo)
    refused = run("config", "set", "user_cache.size", "5GB", cwd=git_repo, rc=2)
    assert "fix: dver config set --global user_cache.size 5GB" in refused.err
    run("config", "set", "--global", "user_cache.size", "5GB", cwd=git_repo)
    assert run("cache", "list", "--json").json["limit"] == 5 * 10**9
    assert run("cache", "list", "--json", env={"DVER_USER_CACHE_SIZE": "1MB"}).json["limit"] == 10**6
    with (git_repo / ".dver/config.toml").open("a") as file:
        file.write('\n[user_cache]\nsize = "1GB"\n')
    assert "setting of each user" in run("status", cwd=git_repo, rc=3).err
