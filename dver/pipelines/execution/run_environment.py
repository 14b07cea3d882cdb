"""The environment of a run: commit, machine, Python and packages. Detected before the first stage runs."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from dver.core.version import __version__
from dver.formats.run_record import RunRecord
from dver.git import revisions
from dver.git.git_repo import GitRepo, run
from dver.pipelines.definition.param_files import flatten
from dver.pipelines.engine.job import JobEnd
from dver.pipelines.engine.reasons import Inputs

_PATIENCE: Final = 20.0
"""The timeout, in seconds, of programs that report versions."""
_ASK_PYTHON: Final = """\
import json, os, sys
found, plain = {}, True
for folder in filter(os.path.isdir, sys.path):
    for name in os.listdir(folder):
        stem, _, kind = name.rpartition(".")
        if kind == "dist-info" and stem.count("-") == 1:
            package, version = stem.split("-")
            found.setdefault(package.replace("_", "-"), version)
        elif kind in ("dist-info", "egg-info", "egg"):
            plain = False
if not plain:
    from importlib.metadata import distributions
    found = {one.metadata["Name"]: one.version for one in distributions() if one.metadata["Name"]}
print("\\ndver", json.dumps([sys.version.split()[0], found]))
"""
"""Reads versions from directory names, because reading the metadata of a hundred packages takes ten times as long. The
metadata is read if a name has no version, as with old packages."""
_ANSWER: Final = "dver "
"""The prefix of the answer's line, because a `sitecustomize` may print more."""
_ASK_GPUS: Final = ("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """The environment that all stages of one `dver repro` share."""

    commit: str | None
    dirty: bool
    user: str | None
    python: str | None
    packages: Mapping[str, str]
    gpus: tuple[str, ...]

    def record(self, name: str, ended: JobEnd, inputs: Inputs) -> RunRecord:
        """The record of one run."""
        return RunRecord(
            stage=name,
            started=ended.started,
            ended=ended.ended,
            commit=self.commit,
            dirty=self.dirty,
            user=self.user,
            host=platform.node() or None,
            platform=platform.platform(),
            cpus=os.cpu_count(),
            gpus=self.gpus,
            python=self.python,
            packages=self.packages,
            seeds=dict(_seeds(inputs)),
            peak_memory=ended.peak_memory or None,
            dver=__version__,
        )


def detect_environment(git: GitRepo) -> RunEnvironment:
    """Ask Git, Python and the GPU driver. Values of programs that do not answer are unknown."""
    python, packages = _python()
    return RunEnvironment(
        commit=revisions.head(git),
        dirty=bool(run(git, ["status", "--porcelain", "-z", "--untracked-files=no"])),
        user=_user(git),
        python=python,
        packages=packages,
        gpus=tuple(line.strip() for line in command_output(_ASK_GPUS).splitlines() if line.strip()),
    )


def _user(git: GitRepo) -> str | None:
    ident = run(git, ["var", "GIT_AUTHOR_IDENT"], ok=(0, 128)).decode(errors="replace")
    return f"{ident.rpartition('>')[0]}>" if ">" in ident else None


def _python() -> tuple[str | None, dict[str, str]]:
    answer = command_output((shutil.which("python") or "python3", "-c", _ASK_PYTHON))
    line = next((one for one in answer.splitlines() if one.startswith(_ANSWER)), None)
    if line is None:
        return None, {}
    with suppress(ValueError, TypeError):
        version, packages = json.loads(line.removeprefix(_ANSWER))
        return version, packages
    return None, {}


def command_output(command: tuple[str, ...]) -> str:
    """The output of a program; empty if it is missing, fails or does not answer in time."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _seeds(inputs: Inputs) -> list[tuple[str, Any]]:
    return [
        (f"{file}:{key}", value)
        for file, values in inputs.params.items()
        for key, value in flatten(values).items()
        if "seed" in key.rpartition(".")[2].lower()
    ]
