"""The environment of tests: their own home and Git settings, and of the variables that pytest was started with only
those that say how to find programs. Importable from every test."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

KEPT: Final = (
    "PATH",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SYSTEMROOT",
    "COVERAGE_PROCESS_START",
    "PYTHONHASHSEED",
)
KEPT_PREFIXES: Final = ("PYTEST_", "DVER_TEST_", "HYPOTHESIS_")

_MEMORY: Final = "/dev/shm"
_ENOUGH: Final = 4 << 30
"""Bytes that must be free there; tests need less than one GB at once."""

_GIT_CONFIG: Final = """\
[user]
	name = Test
	email = test@example.org
[init]
	defaultBranch = main
	templateDir = ~/template
[commit]
	gpgSign = false
[core]
	fsync = none
[gc]
	auto = 0
[maintenance]
	auto = false
[protocol "file"]
	allow = always
[advice]
	detachedHead = false
"""


def environment(home: Path) -> dict[str, str]:
    """All variables of a process whose home is the directory `home`, in which Git's settings are written."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    gitconfig = home / "gitconfig"
    gitconfig.write_text(_GIT_CONFIG)
    for name in ("hooks", "info"):  # without the examples of hooks that Git's own template has
        (home / "template" / name).mkdir(parents=True, exist_ok=True)
    return {
        **kept,
        "PATH": _path(),
        "HOME": os.fspath(home),
        "XDG_CONFIG_HOME": os.fspath(home / ".config"),
        "XDG_CACHE_HOME": os.fspath(home / ".cache"),
        "XDG_DATA_HOME": os.fspath(home / ".local/share"),
        "XDG_STATE_HOME": os.fspath(home / ".local/state"),
        "GIT_CONFIG_GLOBAL": os.fspath(gitconfig),
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "NO_PROXY": "*",
        "OPENBLAS_NUM_THREADS": "1",  # its threads wait for each other in loops
    }


def keep_temporary_files_in_memory() -> None:
    """Make temporary files in memory, unless TMPDIR says where: most of the time of small files is the disk's."""
    if "TMPDIR" not in os.environ and _can_hold_tests(_MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = _MEMORY


def _can_hold_tests(folder: str) -> bool:
    """Is there enough room, and can programs be run from there?"""
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    room = status.f_bavail * status.f_frsize
    return os.access(folder, os.W_OK) and room >= _ENOUGH and not status.f_flag & os.ST_NOEXEC


def _path() -> str:
    """The PATH, with the Python that runs the tests before the scripts by which a version manager finds one: stages and
    records of runs start `python` often, and the scripts cost more than most commands. Where the machine has only
    `python3`, the one of the tests' environment is found last."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    first = next((at for at, entry in enumerate(entries) if os.path.exists(os.path.join(entry, "python"))), None)
    if first is None:
        entries.append(os.path.dirname(sys.executable))
    elif os.path.basename(entries[first]) == "shims":
        entries.insert(first, os.path.join(sys.base_prefix, "bin"))
    return os.pathsep.join(entries)


def use_environment(home: Path, **more: str) -> None:
    """Replace all variables of this process by those of `environment`, and `more`."""
    variables = {**environment(home), **more}
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)
