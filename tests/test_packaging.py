"""What surrounds the package: the Makefile, the metadata, the hooks for others."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support import Run

from dver.cli.verbs import HIDDEN, SUMMARIES
from dver.pipelines.plots.templates import BUILT_IN

ROOT = Path(__file__).parents[1]


def fake_python(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 1", "error: no Python 3.11 or later among: "),
        ('case "$2" in *ensurepip*) exit 1;; esac', "install the package python3-venv"),
    ],
)
def test_make_says_what_a_machine_lacks(tmp_path: Path, script: str, message: str) -> None:
    python = fake_python(tmp_path / "python", script)
    command = ["make", "-C", ROOT, "demo", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode != 0
    assert message in process.stderr
    assert not (tmp_path / "venv").exists()


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = (ROOT / "docs" / "decisions" / "dependencies.md").read_text().lower()
    for requirement in project["dependencies"]:
        # A lower bound is required.
        name, bound = re.fullmatch(r"([\w.-]+)(>=[\d.]+(?:,<[\d.]+)?)", requirement).groups()
        assert f"**{name.lower()}**" in reasons, f"{name}{bound} is not in docs/decisions/dependencies.md"


def test_the_hooks_for_other_projects_call_verbs_that_exist() -> None:
    for hook in YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml"):
        program, verb, *_ = hook["entry"].split()
        assert (program, verb in SUMMARIES.keys() | HIDDEN) == ("dver", True)


def test_the_plot_templates_are_files_of_the_package() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["dver"]
    assert {path.name for path in files("dver.pipelines.plots").joinpath("vega_lite").iterdir()} == {
        f"{name}.json" for name in BUILT_IN
    }


def test_the_version_is_that_of_the_package(run: Run) -> None:
    from dver.core.version import __version__

    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert run("version").out == f"dver {__version__}\n"


def test_the_wheel_contains_the_hooks_and_the_examples() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"hooks": "dver/hooks", "examples": "dver/examples"}
    assert {path.parent.name for path in (ROOT / "examples").glob("*/session.txt")} == {"fruit", "digits"}
