"""Every test runs with a home, a Git configuration and an environment of its own."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Run, make_git_repo, run_dver

pytest_plugins = ["servers", "protocol_servers"]

_KEPT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SYSTEMROOT", "COVERAGE_PROCESS_START", "PYTHONHASHSEED")
_KEPT_PREFIXES = ("PYTEST_", "DVER_TEST_", "HYPOTHESIS_")

_MANY_FILES = 256

_GIT_CONFIG = """\
[user]
	name = Test
	email = test@example.org
[init]
	defaultBranch = main
[commit]
	gpgSign = false
[core]
	fsync = none
[protocol "file"]
	allow = always
[advice]
	detachedHead = false
"""


@pytest.fixture(autouse=True)
def env(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Cut the test off from the user's home, Git settings, credentials and proxies; gives the test's own home."""
    # Outside tmp_path, so that a test may list tmp_path and find only what it made.
    with tempfile.TemporaryDirectory(prefix="dver-test-home-", ignore_cleanup_errors=True) as home:
        _isolate(monkeypatch, Path(home))
        yield Path(home)


@pytest.fixture(autouse=True)
def few_open_files() -> Iterator[None]:
    """Stores hold on to themselves and to their files until the garbage collector comes by, which with so many objects
    it seldom does."""
    yield
    if len(os.listdir("/dev/fd")) > _MANY_FILES:
        gc.collect()


def _isolate(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for name in os.environ:
        if name not in _KEPT and not name.startswith(_KEPT_PREFIXES):
            monkeypatch.delenv(name)
    gitconfig = home / "gitconfig"
    gitconfig.write_text(_GIT_CONFIG)
    settings = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "GIT_CONFIG_GLOBAL": gitconfig,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        "DVER_HOOKS_INSTALL": "false",  # what hooks do has tests of its own, and the others are faster without
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "NO_PROXY": "*",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the real command line in a process of its own: `run("add", "data", cwd=repo)`. See `support.Run`."""
    monkeypatch.chdir(tmp_path)
    return run_dver


@pytest.fixture
def git_repo(tmp_path: Path) -> Path:
    """A Git repository with one commit, at `tmp_path / "repo"`."""
    return make_git_repo(tmp_path / "repo")
