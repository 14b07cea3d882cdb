"""URLs of models: `dver://REPO@@MODEL/PATH`, and models as revisions."""

from __future__ import annotations

import pickle
from pathlib import Path

import fsspec
import pytest
from registered_models import commit_all, make_source, tag
from workspaces import Project

from dver.access.data_urls import ModelAddress, parse_model_url

URL = "https://user@host/team/data.git"


@pytest.fixture
def source(tmp_path: Path) -> Project:
    return make_source(tmp_path / "source", tmp_path / "remote")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("dver://@@churn", ModelAddress(None, "churn", "")),
        ("dver://@@churn#prod/weights", ModelAddress(None, "churn#prod", "weights")),
        ("dver://@@churn@v1.0.0/sub/x@y", ModelAddress(None, "churn@v1.0.0", "sub/x@y")),
        (f"dver://{URL}@@churn%23prod/x", ModelAddress(URL, "churn#prod", "x")),
        ("dver://git@host:team/data.git@@churn%40latest", ModelAddress("git@host:team/data.git", "churn@latest", "")),
        ("dver:///srv/data@@team%2Fmodels:churn#prod/x", ModelAddress("/srv/data", "team/models:churn#prod", "x")),
        ("dver://../data@@churn/", ModelAddress("../data", "churn", "")),
        ("dver://a@@b/c", None),
        ("dver://data/@@b", None),
        (f"dver://{URL}@v1/a@@b", None),
    ],
)
def test_urls_are_parsed(url: str, expected: ModelAddress | None) -> None:
    assert parse_model_url(url) == expected


@pytest.mark.parametrize("model", ["churn#prod", "churn%23prod", "churn@v1.0.0", "churn%40v1.0.0"])
def test_a_path_in_a_model_is_opened(model: str, source: Project) -> None:
    for repo in (source.root, source.root.as_uri()):
        with fsspec.open(f"dver://{repo}@@{model}/weights") as file:
            assert file.read() == b"one"


def test_a_model_that_is_a_file_needs_no_path(source: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with fsspec.open(f"dver://{source.root.as_uri()}@@large") as file:
        assert file.read() == b"two"
    monkeypatch.chdir(source.root)
    with fsspec.open("dver://@@large@latest") as file:
        assert file.read() == b"two"
    fs, path = fsspec.url_to_fs("dver://@@large")
    assert (path, fs.isfile(path), fs.isdir(path), fs.size(path)) == ("", True, False, 3)
    assert fs.cat(path) == b"two"


def test_a_model_is_the_root_of_its_filesystem(source: Project) -> None:
    fs = fsspec.filesystem("dver", repo=source.root.as_uri(), model="churn")
    assert fs.ls("", detail=False) == ["sub", "weights"]
    assert fs.find("") == ["sub/vocabulary", "weights"]
    assert fs.cat({"weights", "sub/vocabulary"}) == {"weights": b"two", "sub/vocabulary": b"words\n"}
    again = pickle.loads(pickle.dumps(fs))
    assert again is fs
    assert fs.fsid != fsspec.filesystem("dver", repo=source.root.as_uri(), rev="churn@latest").fsid


def test_a_stage_is_looked_up_whenever_a_filesystem_is_opened(source: Project) -> None:
    url = f"dver://{source.root}@@churn#prod/weights"
    with fsspec.open(url) as file:
        assert file.read() == b"one"
    tag(source.root, "churn#prod#2")
    with fsspec.open(url) as file:
        assert file.read() == b"two"


def test_a_model_is_a_revision_of_other_paths(source: Project) -> None:
    with fsspec.open(f"dver://{source.root.as_uri()}@churn%23prod/large") as file:
        assert file.read() == b"one"
    with fsspec.open("dver://large", repo=source.root.as_uri(), rev="churn#prod") as file:
        assert file.read() == b"one"


def test_errors_are_those_that_python_code_expects(source: Project) -> None:
    with pytest.raises(OSError, match="no version v9"):
        fsspec.open(f"dver://{source.root}@@churn@v9.0.0/weights").open()
    with pytest.raises(FileNotFoundError):
        fsspec.open(f"dver://{source.root}@@churn/nothing").open()
    with pytest.raises(TypeError, match="either rev or model"):
        fsspec.filesystem("dver", repo=str(source.root), rev="HEAD", model="churn")


def test_a_moved_tag_is_refused(source: Project) -> None:
    message = source.git("tag", "-l", "--format=%(contents)", "churn@v1.0.0")
    source.git("tag", "-f", "-a", "-m", message, "churn@v1.0.0", "HEAD")
    with pytest.raises(OSError, match="its tag was moved"):
        fsspec.open(f"dver://{source.root}@@churn@v1.0.0/weights").open()


def test_names_with_a_directory_are_written_with_an_escape(source: Project) -> None:
    commit_all(source, {"team/dver.yaml": b"artifacts:\n  faces: {path: ../large}\n"})
    tag(source.root, "team=faces@v1.0.0")
    with fsspec.open(f"dver://{source.root}@@team:faces") as file:
        assert file.read() == b"two"
