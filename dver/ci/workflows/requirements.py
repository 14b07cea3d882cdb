"""How jobs install dver and what the stages of a project need."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dver.core.version import __version__

FILES: Final = (".python-version", "uv.lock", "requirements.txt", "pyproject.toml")
"""The files of a project that say what to install."""

_REPORT_EXTRA: Final = "plots"
"""The extra for pictures in reports."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What the jobs of a project install."""

    python_version_file: str | None = None
    uses_uv: bool = False
    arguments: tuple[str, ...] = ()
    """Arguments of `pip install` for the project's own requirements."""
    names_dver: bool = False
    """Whether the project's requirements contain dver, and so decide its version."""

    def install_dver(self, *extras: str | None) -> str:
        """The command that installs dver alone."""
        return f"pip install --quiet {self._dver(*extras)}"

    def install(self, extra: str | None, *, export: str) -> tuple[str, ...]:
        """The commands that install dver and the requirements. `export` puts the programs of `.venv` first."""
        dver = self._dver(_REPORT_EXTRA, extra)
        if self.uses_uv:
            return ("pip install --quiet uv", "uv sync --quiet --frozen", f"uv pip install --quiet {dver}", export)
        return (" ".join(["pip install --quiet", *self.arguments, dver]),)

    def _dver(self, *extras: str | None) -> str:
        names = ",".join(one for one in extras if one is not None)
        return f"'dver{f'[{names}]' if names else ''}{'' if self.names_dver else f'=={__version__}'}'"


def requirements_of(contents: Mapping[str, str]) -> Requirements:
    """The requirements that the files `contents` of a project name; see `FILES`."""
    python = ".python-version" if ".python-version" in contents else None
    if "uv.lock" in contents:
        return Requirements(python, uses_uv=True, names_dver='name = "dver"' in contents["uv.lock"])
    if "requirements.txt" in contents:
        named = re.search(r"^dver\b", contents["requirements.txt"], re.MULTILINE) is not None
        return Requirements(python, arguments=("-r requirements.txt",), names_dver=named)
    project = _project(contents.get("pyproject.toml", ""))
    if project is not None:
        named = any(re.match(r"dver\b", str(one)) for one in project.get("dependencies", ()))
        return Requirements(python, arguments=("-e .",), names_dver=named)
    return Requirements(python)


def _project(pyproject: str) -> Mapping[str, Any] | None:
    """The table of a package that can be installed."""
    try:
        document = tomllib.loads(pyproject)
    except tomllib.TOMLDecodeError:
        return None
    project = document.get("project")
    return project if isinstance(project, dict) and "build-system" in document else None
