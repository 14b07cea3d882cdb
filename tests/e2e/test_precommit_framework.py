"""The hooks of `.pre-commit-hooks.yaml`, run by the pre-commit framework itself from a clone of this repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import Run, git, make_git_repo

ROOT = Path(__file__).parents[2]
PIP = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
"""How packages are found on this machine: tests are cut off from it, and the framework installs dver with pip."""

CONFIG = """\
default_install_hook_types: [pre-commit, pre-push, post-checkout, post-merge, post-rewrite]
repos:
  - repo: {source}
    rev: {rev}
    hooks:
      - id: dver-check
      - id: dver-push
      - id: dver-checkout
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The repository of the hooks: dver as it is here, committed."""
    source = tmp_path / "source"
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")[:-1]
    for name in listed:
        if name.partition("/")[0] in (
            "dver",
            "examples",
            "hooks",
            "pyproject.toml",
            "README.md",
            ".pre-commit-hooks.yaml",
        ):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    git("init", "-q", cwd=source)
    git("add", "-A", cwd=source)
    git("commit", "-qm", "dver", cwd=source)
    return source


@pytest.mark.long
@pytest.mark.timeout(600)
def test_data_is_checked_pushed_and_follows_by_the_framework(
    run: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PIP.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIP_NO_COMPILE", "1")  # most modules of what is installed are never imported
    monkeypatch.setenv("PRE_COMMIT_HOME", os.fspath(tmp_path / "environments"))
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    run("remote", "add", "-d", "store", tmp_path / "store", cwd=repo)
    rev = git("rev-parse", "HEAD", cwd=source).strip()
    (repo / ".pre-commit-config.yaml").write_text(CONFIG.format(source=source, rev=rev))
    command = [sys.executable, "-m", "pre_commit", "install", "--install-hooks"]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left to the pre-commit framework: post-checkout, post-merge, post-rewrite" in run("install", cwd=repo).out
    for text in ("one", "two"):
        (repo / "data").write_text(text)
        run("add", "data", cwd=repo)
        git("add", "-A", cwd=repo)
        git("commit", "-qm", text, cwd=repo)
    git("checkout", "-q", "HEAD~1", cwd=repo)
    assert (repo / "data").read_text() == "one"
    git("checkout", "-q", "main", cwd=repo)
    assert (repo / "data").read_text() == "two"
    git("reset", "-q", "--hard", "HEAD~1", cwd=repo)  # for which the framework has no hook
    assert (repo / "data").read_text() == "one"
    git("reset", "-q", "--hard", "HEAD@{1}", cwd=repo)
    git("init", "-q", "--bare", tmp_path / "hub", cwd=tmp_path)
    git("push", "-q", tmp_path / "hub", "main", cwd=repo)
    run("check", "available", "--remote", "--all-commits", cwd=repo)
    (repo / "large").write_bytes(b"\0" * 11_000_000)
    git("add", "large", cwd=repo)
    git("commit", "-qm", "Large", cwd=repo, rc=1)
