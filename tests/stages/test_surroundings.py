"""Where a run happens: what is asked of the Python that stages use."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from dver.stages import surroundings


def asked(*folders: Path) -> tuple[str, dict[str, str]]:
    """What a Python says that finds packages in `folders`, too."""
    script = f"import sys; sys.path[:0] = {[str(one) for one in folders]}\n{surroundings._ASK_PYTHON}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    found, packages = json.loads(done.stdout)
    return found, packages


def test_python_tells_its_version_and_packages() -> None:
    found, packages = asked()
    assert found == platform.python_version()
    assert packages["click"] == version("click")
    assert {name.lower() for name in packages} >= {"pytest", "pyyaml"}


def test_a_package_counts_where_python_finds_it_first(tmp_path: Path) -> None:
    (tmp_path / "click-99.0.dist-info").mkdir()
    (tmp_path / "two_words-1.0+local.dist-info").mkdir()
    _, packages = asked(tmp_path)
    assert (packages["click"], packages["two-words"]) == ("99.0", "1.0+local")


def test_packages_of_old_are_read(tmp_path: Path) -> None:
    (tmp_path / "old.egg-info").mkdir()
    (tmp_path / "old.egg-info" / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old\nVersion: 0.1\n")
    _, packages = asked(tmp_path)
    assert packages["old"] == "0.1"
    assert packages["click"] == version("click")
