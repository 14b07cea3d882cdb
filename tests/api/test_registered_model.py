"""`dver.model`: versions from Python, with copies in the user's cache."""

from __future__ import annotations

import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest
from gitserver import git_server
from registered_models import make_source, tag
from workspaces import Project, listing

import dver
from dver.core.cache_dir import user_cache_dir


@pytest.fixture
def source(tmp_path: Path) -> Project:
    return make_source(tmp_path / "source", tmp_path / "remote")


@pytest.fixture
def url(source: Project) -> str:
    return source.root.as_uri()


def test_a_model_has_its_version_and_what_was_recorded(source: Project, url: str) -> None:
    model = dver.model("churn#prod", repo=url)
    assert (model.name, model.version, model.stages, model.source) == ("churn", "v1.0.0", ("prod",), "models/churn")
    assert model.commit == source.git("rev-parse", "HEAD~1").strip()
    assert model.metrics == {"m.json:auc": 0.9}
    assert not model.deprecated
    assert repr(model).startswith("Model(name='churn', version='v1.0.0'")
    assert "_located" not in repr(model)


def test_its_path_is_a_verified_read_only_copy(source: Project, url: str) -> None:
    path = dver.model("churn#prod", repo=url).path()
    assert path.name == "churn"
    assert listing(path)[b"weights"] == ("file", b"one")
    assert path.is_relative_to(user_cache_dir())
    assert not os.stat(path / "weights").st_mode & 0o222
    assert dver.model("note", repo=url).path().read_bytes() == (source.root / "README").read_bytes()


def test_a_second_call_reads_nothing_from_the_remote(source: Project, url: str, tmp_path: Path) -> None:
    first = dver.model("churn#prod", repo=url).path()
    (tmp_path / "remote").rename(tmp_path / "elsewhere")
    assert dver.model("churn@v1.0.0", repo=url).path() == first
    assert dver.model("churn@v1.0.0", repo=source.root).path() == first


def test_copies_are_listed_and_deleted_with_the_cache(url: str) -> None:
    model = dver.model("churn#prod", repo=url)
    path = model.path()
    (copy,) = dver.list_cache().models
    assert (copy.reference, copy.size) == ("churn@v1.0.0", 9)
    assert dver.clear_cache(models=False).models == ()
    assert dver.clear_cache(unused_for=timedelta(days=1)).models == ()
    assert path.exists()
    assert [one.reference for one in dver.clear_cache(objects=False, mirrors=False).models] == ["churn@v1.0.0"]
    assert not path.exists()
    assert dver.list_cache().models == ()
    assert model.path() == path


@pytest.mark.parametrize("change", ["content", "removal", "record"])
def test_a_changed_copy_is_made_again(change: str, url: str) -> None:
    model = dver.model("churn#prod", repo=url)
    path = model.path()
    weights = path / "weights"
    if change == "content":
        weights.chmod(0o644)
        weights.write_bytes(b"eno")
    elif change == "removal":
        weights.unlink()
    else:
        (path.parents[1] / "record.json").write_text("{")
    assert (model.path() / "weights").read_bytes() == b"one"


def test_threads_make_one_copy(url: str) -> None:
    model = dver.model("churn", repo=url)
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: model.path(), range(8)))
    assert len(paths) == 1
    assert (paths.pop() / "weights").read_bytes() == b"two"


def test_its_files_are_read_without_a_copy(url: str) -> None:
    model = pickle.loads(pickle.dumps(dver.model("churn", repo=url)))
    assert model.read_bytes("weights") == b"two"
    assert [one.path for one in model.ls()] == ["sub", "weights"]
    assert [one.path for one in model.ls("sub")] == ["sub/vocabulary"]
    with model.open("sub/vocabulary") as file:
        assert file.read(3) == b"wor"
    large = dver.model("large", repo=url)
    assert large.read_bytes() == b"two"
    with large.open() as file:
        assert (file.read(1), file.seek(0), file.read()) == (b"t", 0, b"two")
    assert not (user_cache_dir() / "models").exists()


@pytest.mark.parametrize("path", ["../../large", "../large", "/../../large", "nothing"])
def test_a_path_never_leads_out_of_the_model(path: str, url: str) -> None:
    with pytest.raises(FileNotFoundError):
        dver.model("churn", repo=url).read_bytes(path)


def test_its_url_always_stands_for_the_same_content(source: Project, url: str) -> None:
    stable = dver.model("churn#prod", repo=url).url("weights")
    tag(source.root, "churn#prod#2")
    assert dver.model("churn#prod", repo=url).version == "v2.0.0"
    with fsspec.open(stable) as file:
        assert file.read() == b"one"


def test_the_present_project_is_the_default(source: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (source.root / "deep/er").mkdir(parents=True)
    monkeypatch.chdir(source.root / "deep/er")
    shutil.rmtree(source.root / ".git/dver/store")
    model = dver.model("churn#prod")
    assert (model.path() / "weights").read_bytes() == b"one"
    with fsspec.open(model.url("weights")) as file:
        assert file.read() == b"one"


def test_a_deprecated_model_says_so(source: Project, url: str) -> None:
    tag(source.root, "churn@deprecated")
    assert dver.model("churn@v1.0.0", repo=url).deprecated


def test_a_known_model_needs_one_look_at_the_tags(source: Project) -> None:
    with git_server(source.root.parent) as server:
        url = f"{server.url}/source/.git"
        dver.model("churn#prod", repo=url).path()
        server.seen.clear()
        dver.model("churn#prod", repo=url).path()
        assert len(server.seen) <= 3
