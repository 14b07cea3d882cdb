"""The examples of docs/python.md run in order in one program, and print what the page says."""

from __future__ import annotations

import io
import os
import re
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import pytest
from gitserver import allow_filters
from registered_models import tag as registry_tag
from support import git
from workspaces import Project, write

import dver
from dver.api.reference import reference
from dver.formats.registry_tag import TagDetails

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
URL = "https://example.org/team/data.git"
FILES = {
    "data/labels.csv": b"file,label\n1.png,apple\n2.png,pear\n",
    "data/images/1.png": b"PNG pixels of 1",
    "data/images/2.png": b"PNG pixels of 22",
    "params.yaml": b"lr: 0.1\n",
    "models/churn.txt": b"a model",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project of the page in the current directory, at the tag v1, with its data on a remote."""
    made = Project.make(tmp_path / "host/team/data")
    write(made.root, FILES)
    project = dver.Project.open(made.root)
    project.remote.add("origin", tmp_path / "remote", default=True)
    made.git("add", "params.yaml", "models")
    made.save("data")
    made.git("tag", "v1")
    details = TagDetails(path="models/churn.txt", metrics={"metrics.json:auc": 0.91})
    registry_tag(made.root, "churn@v1.0.0", details=details)
    registry_tag(made.root, "churn#prod#1")
    project.push()
    allow_filters(made.root)
    git("config", "--global", f"url.file://{made.root}.insteadOf", URL, cwd=tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path / "cache"))
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture(scope="module")
def text() -> str:
    """The reference, which takes a second to write."""
    return reference()


def is_torch_needed(example: re.Match[str]) -> bool:
    """Does the example need the extra `torch`, which may be missing?"""
    return "torch" in example["code"]


@pytest.mark.usefixtures("project")
def test_the_examples_print_what_the_page_says() -> None:
    names: dict[str, object] = {"__name__": "example"}
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    examples = [found for found in EXAMPLE.finditer(text) if is_torch_needed(found) <= (find_spec("torch") is not None)]
    assert len(examples) > 10
    for found in examples:
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(found["code"], f"python.md:{text.count(chr(10), 0, found.start()) + 1}", "exec"), names)
        assert printed.getvalue() == (found["output"] or ""), found["code"]


def test_the_reference_is_up_to_date(text: str) -> None:
    assert (DOCS / "python-reference.md").read_text(encoding="utf-8") == text, "run `make docs`"


def test_the_reference_names_every_public_name(text: str) -> None:
    methods = re.findall(r"^### (\S+)$", text, re.MULTILINE)
    for name in dver.__all__:
        assert {name, f"dver.{name}", f"{name}.find"} & set(methods) or f"`{name}`" in text, name
    assert {"project.add", "project.remote.add", "project.gc", "project.gc.restore", "Project.clone"} <= set(methods)


def test_every_argument_of_a_public_function_is_explained_or_referred_to(text: str) -> None:
    for part in text.split("\n### ")[1:]:
        if "```python" not in part or "as in `" in part.lower() or part.startswith("dver.TorchDataset"):
            continue
        signature, explanation = part.split("```\n", 2)[0:2]
        names = re.findall(r"[(\s*](\w+): ", signature.split("->")[0].split("```python")[1])
        assert [name for name in names if f"`{name}`" not in explanation and name != "progress"] == [], part.split(
            "\n"
        )[0]
