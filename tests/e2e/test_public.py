"""A remote that everybody can read: pushed to as a folder or bucket, pulled from through a web server."""

from __future__ import annotations

from pathlib import Path

import pytest
from servers import S3Server, WebServer
from support import Run, git
from webserver import Web, running

CONTENT = bytes(range(256)) * 8192


def push_to(run: Run, repo: Path, url: Path | str, *settings: str, env: dict[str, str] | None = None) -> None:
    """A project with data, pushed to `url`."""
    (repo / "data").mkdir()
    (repo / "data/large").write_bytes(CONTENT)
    (repo / "data/small").write_bytes(b"small")
    run("init", cwd=repo)
    run("add", "data", cwd=repo)
    run("remote", "add", "-d", "origin", url, cwd=repo)
    for setting in settings:
        run("remote", "set", "origin", *setting.split("="), cwd=repo)
    run("push", cwd=repo, env=env)
    git("commit", "-qam", "Data", cwd=repo)


def pull_from(run: Run, repo: Path, url: str) -> Path:
    clone = repo.parent / "clone"
    git("clone", "-q", repo, clone, cwd=repo.parent)
    run("remote", "add", "--local", "pub", url, cwd=clone)
    run("pull", "-r", "pub", cwd=clone)
    assert (clone / "data/large").read_bytes() == CONTENT
    assert (clone / "data/small").read_bytes() == b"small"
    return clone


def test_a_folder_is_pulled_from_through_a_web_server(run: Run, git_repo: Path, web_server: WebServer) -> None:
    push_to(run, git_repo, web_server.folder / "public")
    clone = pull_from(run, git_repo, f"{web_server.url}/public")
    (clone / "data/new").write_bytes(b"new")
    run("add", "data", cwd=clone)
    assert "read only" in run("push", "-r", "pub", cwd=clone, rc=7).err


def test_a_bucket_is_pulled_from_at_its_public_address(run: Run, git_repo: Path, public_bucket: S3Server) -> None:
    key = public_bucket.credentials()
    push_to(run, git_repo, f"s3://{public_bucket.bucket}/p", f"endpoint_url={public_bucket.endpoint_url}", env=key)
    pull_from(run, git_repo, f"{public_bucket.endpoint_url}/{public_bucket.bucket}/p")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_that_cannot_list_is_enough(run: Run, git_repo: Path, tmp_path: Path, ranges: bool) -> None:
    share = tmp_path / "share"
    push_to(run, git_repo, share)
    files = {f"x/{path.relative_to(share)}": path.read_bytes() for path in share.rglob("*") if path.is_file()}
    with running(Web(files, ranges=ranges)) as web:
        clone = pull_from(run, git_repo, f"{web.url}/x")
        web.files.pop("x/catalog")
        (clone / "data/small").unlink()
        run("checkout", cwd=clone)
        assert "cannot list" in run("remote", "check", "pub", cwd=clone, rc=7).err
