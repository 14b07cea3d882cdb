"""Every test runs with a home, a Git configuration and an environment of its own."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from environment import environment, keep_temporary_files_in_memory, use_environment
from hypothesis import HealthCheck, settings
from support import Run, Templates, make_git_repo, run_dver

pytest_plugins = ["servers", "protocol_servers", "citeam"]

_MANY_FILES = 256

keep_temporary_files_in_memory()

# No deadline: tests share the machine with others. No database: nothing is written beside the tests.
settings.register_profile("dver", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", settings.get_profile("dver"), max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dver"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Hide the ten thousand tests from the garbage collector: visiting them takes it half a second each time."""
    gc.disable()
    yield
    gc.enable()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, so that no worker has one left when the others have ended."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """Cut all tests and the fixtures that they share off from the user's environment and from an ignored Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="dver-test-home-", ignore_cleanup_errors=True) as home:
        use_environment(Path(home))
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts what runs in its background so
            signal.signal(signal.SIGINT, signal.default_int_handler)
        yield


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process writes need not survive a power cut."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


@pytest.fixture(autouse=True)
def env(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a home and Git settings of its own."""
    # Outside tmp_path, so that a test may list tmp_path and find only what it made.
    with tempfile.TemporaryDirectory(prefix="dver-test-home-", ignore_cleanup_errors=True) as home:
        for name, value in environment(Path(home)).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("DVER_HOOKS_INSTALL", "false")  # hooks have tests of their own, and cost time
        yield Path(home)


@pytest.fixture(autouse=True)
def few_open_files() -> Iterator[None]:
    """Stores hold on to themselves and to their files until the garbage collector comes by, which it seldom does."""
    yield
    if len(os.listdir("/dev/fd")) > _MANY_FILES:
        gc.collect()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the real command line in a process of its own: `run("add", "data", cwd=repo)`. See `support.Run`."""
    monkeypatch.chdir(tmp_path)
    return run_dver


@pytest.fixture
def git_repo(tmp_path: Path) -> Path:
    """A Git repository with one commit, at `tmp_path / "repo"`."""
    return make_git_repo(tmp_path / "repo")


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Makes a repository for the first test that needs it, and copies it for the others. See `support.Templates`."""
    return Templates(tmp_path_factory.mktemp("templates"))
