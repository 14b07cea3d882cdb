"""Live data against the training data of a model, in a clone that has neither."""

from __future__ import annotations

import json

import pytest
from monitoring_projects import rows, write_rows
from registering import ModelClone, make_model_project
from support import git


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> ModelClone:
    """A clone with the model churn@v1.0.0 in stage prod, and later data."""
    clone = make_model_project(tmp_path_factory.mktemp("model"))
    table = write_rows(clone.root / "new.csv", rows(1000)).read_text()
    (clone.root / "new.csv").unlink()
    clone.commit(table)
    clone.model("register", "churn", "v1.0.0")
    clone.model("assign", "churn", "prod")
    clone.commit(write_rows(clone.root / "data.csv", rows(1000, shift=3.0)).read_text())
    write_rows(clone.root / "live.csv", rows(300, seed=5))
    return clone


def test_the_reference_is_what_the_version_was_trained_on(first: ModelClone) -> None:
    found = json.loads(first.dver("monitor", "live.csv", "--model", "churn#prod", "--ignore", "id", "--json").out)
    assert (found["name"], found["reference"]) == ("churn", "churn@v1.0.0: data.csv")
    assert first.dver("monitor", "live.csv", "--reference", "data.csv", "--ignore", "id", rc=1).out
    assert "is not an input" in first.dver("monitor", "live.csv", "--model", "churn", "--input", "x", rc=2).err


def test_a_clone_with_profiles_alone_compares(first: ModelClone) -> None:
    first.dver("monitor", "live.csv", "--model", "churn#prod", "--ignore", "id")
    first.dver("push", "--all-tags")
    first.git("push", "--quiet", "--tags", "origin", "HEAD")
    git("clone", "--quiet", "origin.git", "clone", cwd=first.root.parent)
    clone = ModelClone(first.root.parent / "clone")
    write_rows(clone.root / "live.csv", rows(300, seed=6, shift=2.0))
    refused = clone.dver("monitor", "live.csv", "--model", "churn#prod", rc=5).err
    assert "dver fetch --profiles" in refused
    clone.dver("fetch", "--profiles", "--rev", "churn@v1.0.0", "data.csv")
    assert clone.dver("cat", "--rev", "churn@v1.0.0", "data.csv", rc=5).err
    result = clone.dver(
        "monitor", "live.csv", "--model", "churn#prod", "--ignore", "id",
        "--score", "score", "--prediction", "prediction", "--target", "target", rc=1,
    )  # fmt: skip
    assert "amount  distribution" in result.out
    assert "the data of data.csv is not here" in result.err
