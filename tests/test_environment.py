"""No test inherits what the user who runs the tests has set."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from environment import environment
from githooks import put_dver_on_path
from support import run_dver


@pytest.fixture(scope="module")
def shared() -> dict[str, str]:
    """The environment of fixtures that several tests share."""
    return dict(os.environ)


@pytest.mark.parametrize(
    "name",
    ["PYTHONDONTWRITEBYTECODE", "GIT_DIR", "LC_MESSAGES", "XDG_RUNTIME_DIR", "DVER_DEBUG", "TZ", "EDITOR"],
)
def test_a_variable_of_the_caller_is_not_inherited(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert name not in environment(tmp_path)


def test_tests_and_their_fixtures_have_nothing_else(shared: dict[str, str], env: Path) -> None:
    assert shared.keys() - environment(env).keys() <= {"PYTEST_CURRENT_TEST"}
    assert os.environ.keys() - environment(env).keys() <= {"PYTEST_CURRENT_TEST", "DVER_HOOKS_INSTALL"}


@pytest.mark.parametrize("more", [{}, {"PYTHONHASHSEED": "1"}], ids=["forked", "started"])
def test_dver_on_the_path_is_the_same_in_a_fork_and_started_by_python(
    more: dict[str, str], tmp_path: Path, git_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = put_dver_on_path(tmp_path / "bin", monkeypatch)
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    for args in (["init", "-q"], ["status"], ["status", "nope"]):
        done = subprocess.run([program, *args], cwd=git_repo, capture_output=True, text=True)
        same = run_dver(*args, cwd=git_repo, rc=None)
        assert (done.returncode, done.stdout, done.stderr) == (same.rc, same.out, same.err), args
