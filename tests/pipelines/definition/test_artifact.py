"""Artifacts in `dver.yaml`. The expected values are those that DVC 3.67.1 reads, unless a name says something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.artifact import ArtifactDefinition
from dver.pipelines.definition.load import load_pipeline_file


def artifacts(content: str, params: str = "") -> Mapping[str, ArtifactDefinition]:
    def read(path: str) -> bytes | None:
        return params.encode() if params and path == "params.yaml" else None

    return load_pipeline_file(f"artifacts:\n{content}".encode(), read).artifacts


def one(content: str, params: str = "") -> ArtifactDefinition:
    """The artifact `churn` with the lines `content`."""
    lines = "".join(f"    {line}\n" for line in content.splitlines())
    return artifacts(f"  churn:\n{lines}", params)["churn"]


def test_all_keys_are_read() -> None:
    found = one("path: models/m.pkl\ntype: model\ndesc: A model.\nlabels: [nlp, small]\nmeta: {a: [1, {b: 2}]}")
    assert (found.path, found.type, found.desc) == ("models/m.pkl", "model", "A model.")
    assert found.labels == ("nlp", "small")
    assert found.meta == {"a": [1, {"b": 2}]}
    assert found.refused is None


@pytest.mark.parametrize(
    ("content", "params", "expected"),
    [
        ("path: ${dir}/m\nlabels: ['${dir}', z]", "dir: models\n", {"path": "models/m", "labels": ("models", "z")}),
        ("path: m\nmeta: ${about}", "about: {x: 1}\n", {"meta": {"x": 1}}),
        (
            "path: m\nmeta: {a: '${n}', '${k}': ['${about}']}",
            "n: 3\nk: b\nabout: [1]\n",
            {"meta": {"a": 3, "b": [[1]]}},
        ),
        ("path: m\ndesc: \\${dir}", "", {"desc": "${dir}"}),
        ("path: .", "", {"path": "."}),
        ("path: ../m", "", {"path": "../m"}),
    ],
)
def test_variables_are_substituted(content: str, params: str, expected: dict[str, Any]) -> None:
    found = one(content, params)
    assert {key: getattr(found, key) for key in expected} == expected
    assert found.refused is None


def test_a_name_may_be_a_variable_and_two_artifacts_may_have_one_path() -> None:
    found = artifacts("  ${name}: {path: m}\n  other: {path: m}\n", "name: churn\n")
    assert {name: definition.path for name, definition in found.items()} == {"churn": "m", "other": "m"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("  my model!: {path: m}\n", "dver.yaml:2:3: invalid artifact name 'my model!'"),
        ("  a.b: {path: m}\n", "invalid artifact name"),
        ("  'a:b': {path: m}\n", "invalid artifact name"),
        ("  a: {path: /data/m}\n", "dver.yaml:2:13: `path` of artifact 'a': '/data/m' is not a relative path"),
        ("  a: {path: 's3://bucket/m'}\n", "is a URL"),
        ("  a: {path: ''}\n", "is empty"),
        ("  a: {path: m, desc: 'of ${list}'}\n", "cannot be inserted into text"),
    ],
)
def test_what_only_dvc_can_use_makes_one_artifact_unusable(content: str, why: str) -> None:
    found = artifacts(f"{content}  fine: {{path: m}}\n", "list: [1]\n")
    refused = [definition.refused for name, definition in found.items() if name != "fine"]
    assert len(refused) == 1
    assert why in str(refused[0])
    assert found["fine"].refused is None


def test_an_unknown_variable_makes_one_artifact_unusable_although_dvc_refuses_the_file() -> None:
    assert "variable 'nothing' not found" in str(one("path: ${nothing}").refused)


@pytest.mark.parametrize(
    "content",
    [
        "  a: {type: model}\n",
        "  a:\n",
        "  a: {path: m, version: 1}\n",
        "  a: {path: m, labels: x}\n",
        "  a: {path: [m]}\n",
        "  - a\n",
        "  ${all}\n",
    ],
)
def test_what_dvc_refuses_is_an_error_with_its_position(content: str) -> None:
    with pytest.raises(PipelineError, match=r"dver.yaml:\d+:\d+: "):
        artifacts(content, "all: {a: {path: m}}\n")


def test_an_empty_section_has_no_artifacts() -> None:
    assert artifacts("") == artifacts("  {}\n") == {}
