"""Where a run happens: what is asked of the Python that stages use."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from dver.pipelines.execution import run_environment


def asked(*folders: Path) -> tuple[str, dict[str, str]]:
    """What a Python says that finds packages in `folders`, too."""
    script = f"import sys; sys.path[:0] = {[str(one) for one in folders]}\n{run_environment._ASK_PYTHON}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    found, packages = json.loads(done.stdout.strip().removeprefix(b"dver "))
    return found, packages


def test_python_tells_its_version_and_packages() -> None:
    found, packages = asked()
    assert found == platform.python_version()
    assert packages["click"] == version("click")
    assert {name.lower() for name in packages} >= {"pytest", "pyyaml"}


def test_a_package_counts_where_python_finds_it_first(tmp_path: Path) -> None:
    for name, number in (("click", "99.0"), ("two-words", "1.0+local")):
        folder = tmp_path / f"{name.replace('-', '_')}-{number}.dist-info"
        folder.mkdir()  # with metadata, for an environment that has packages of old, too
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
    _, packages = asked(tmp_path)
    assert (packages["click"], packages["two-words"]) == ("99.0", "1.0+local")


def test_packages_of_old_are_read(tmp_path: Path) -> None:
    (tmp_path / "old.egg-info").mkdir()
    (tmp_path / "old.egg-info" / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old\nVersion: 0.1\n")
    _, packages = asked(tmp_path)
    assert packages["old"] == "0.1"
    assert packages["click"] == version("click")


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ('echo Welcome; {python} "$@"; echo Bye', platform.python_version()),
        ("echo Welcome", None),
        ("echo dver is fun", None),
    ],
)
def test_a_python_that_prints_more_is_understood_or_not_known(
    script: str, version: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python").write_text(f"#!/bin/sh\n{script.format(python=sys.executable)}\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found, packages = run_environment._python()
    assert found == version
    assert bool(packages) is (version is not None)
