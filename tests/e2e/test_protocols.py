"""Every protocol that docs/remotes.md names: a project is pushed to a real server and pulled into a fresh clone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from protocol_servers import PROTOCOLS, protocol_server
from support import Run, git, make_git_repo

from dver.core.remote_schema import SECRETS

_GUIDE = Path(__file__).parents[2] / "docs" / "remotes.md"


@pytest.mark.parametrize("kind", PROTOCOLS)
def test_what_is_pushed_is_pulled(kind: str, request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> None:
    table = protocol_server(kind, request).table()
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    _add_remote(run, repo, table)
    content = {"small": b"one", "large": os.urandom(3 * 2**20), "empty": b""}
    (repo / "data").mkdir()
    for name, each in content.items():
        (repo / "data" / name).write_bytes(each)
    run("add", "data", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Add data", cwd=repo)
    pushed = run("push", cwd=repo)
    assert "WARNING" not in pushed.err

    clone = tmp_path / "clone"
    git("clone", "-q", repo, clone, cwd=tmp_path)
    _set_secrets(run, clone, table)
    pulled = run("pull", cwd=clone)
    assert "WARNING" not in pulled.err
    assert {path.name: path.read_bytes() for path in (clone / "data").iterdir()} == content
    run("check", "available", "--remote", cwd=clone)


@pytest.mark.parametrize("kind", ["sftp-rclone", "webdav", "ftp", "smb", "azure"])
def test_wrong_credentials_are_named(kind: str, request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> None:
    table = protocol_server(kind, request).table()
    secret = "account_key" if kind == "azure" else "password"
    table[secret] = "d3Jvbmc=" if kind == "azure" else "wrong"
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    _add_remote(run, repo, table)
    failed = run("remote", "check", "origin", cwd=repo, rc=7)
    assert "does not accept the credentials" in failed.err
    assert f"dver remote set --local origin {secret}" in failed.err
    assert str(table[secret]) not in failed.err


def test_the_guide_names_what_is_tested_and_nothing_else() -> None:
    section = (
        _GUIDE.read_text()
        .partition("\n## Use Google Cloud, Azure, SFTP, WebDAV, SMB or FTP\n")[2]
        .partition("\n## ")[0]
    )
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    named = {row.split("`")[1].partition("://")[0] for row in rows}
    assert named == {"gs", "az", "sftp", "webdav", "webdavs", "ftp", "smb"}


def _add_remote(run: Run, repo: Path, table: dict[str, object]) -> None:
    run("remote", "add", "-d", "origin", str(table["url"]), cwd=repo)
    for name, value in table.items():
        if name != "url" and name not in SECRETS:
            run("remote", "set", "origin", name, str(value).replace("True", "true"), cwd=repo)
    _set_secrets(run, repo, table)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Add remote", cwd=repo)


def _set_secrets(run: Run, repo: Path, table: dict[str, object]) -> None:
    for name in SECRETS.intersection(table):
        run("remote", "set", "--local", "origin", name, str(table[name]), cwd=repo)
