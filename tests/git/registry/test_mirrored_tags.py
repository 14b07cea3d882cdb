"""The registry of another repository: which tags a mirror fetches, and what references mean there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitserver import GitServer, allow_filters, git_server
from servers import WebServer
from support import Templates, git, make_git_repo

from dver.core.cache_dir import user_cache_dir
from dver.core.errors import DverError, UsageError
from dver.git.mirror import GitMirror
from dver.git.registry.references import read_artifact


@pytest.fixture
def source(tmp_path: Path, templates: Templates) -> Path:
    """Versions v1.0.0 and v2.0.0 of churn, the first in stage prod; 50 versions of another model; a large file."""
    root = templates.copy("mirrored-tags", tmp_path / "repo", make_source)
    allow_filters(root)
    return root


def make_source(git_repo: Path) -> None:
    make_git_repo(git_repo)
    for version in ("v1.0.0", "v2.0.0"):
        (git_repo / "large.bin").write_bytes(os.urandom(100_000))
        git("add", "-A", cwd=git_repo)
        git("commit", "-qm", version, cwd=git_repo)
        git("tag", "-am", "text", f"churn@{version}", cwd=git_repo)
        git("tag", "-am", "text", f"team=churn@{version}", cwd=git_repo)
    git("tag", "-am", "text", "churn#prod#1", "HEAD~1", cwd=git_repo)
    for number in range(50):
        git("tag", "-am", "text", f"other@v1.0.{number}", cwd=git_repo)


@pytest.fixture
def server(source: Path) -> Iterator[GitServer]:
    with git_server(source.parent) as running:
        yield running


@pytest.fixture
def mirror(server: GitServer) -> GitMirror:
    return GitMirror.of(f"{server.url}/repo/.git", user_cache_dir())


def id_of(source: Path, rev: str) -> str:
    return git("rev-parse", f"{rev}^{{commit}}", cwd=source).strip()


@pytest.mark.parametrize(
    ("reference", "rev"),
    [
        ("churn@latest", "HEAD"),
        ("churn@v1.0.0", "HEAD~1"),
        ("churn@1.0.0", "HEAD~1"),
        ("churn#prod", "HEAD~1"),
        ("team:churn@latest", "HEAD"),
        ("team=churn@v1.0.0", "HEAD~1"),
    ],
)
def test_a_reference_is_a_revision_of_the_other_repository(
    reference: str, rev: str, source: Path, server: GitServer, mirror: GitMirror
) -> None:
    assert mirror.resolve(reference) == id_of(source, rev)
    assert server.sent < 20_000
    names = subprocess.run(
        ["git", "ls-tree", "--name-only", mirror.resolve(reference)],
        cwd=mirror.directory,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "large.bin" in names.stdout.split()


def test_only_the_tags_of_the_artifact_are_fetched(source: Path, server: GitServer, mirror: GitMirror) -> None:
    tags = mirror.registry("churn")
    assert git("tag", cwd=tags.git_dir).split() == ["churn#prod#1", "churn@v1.0.0", "churn@v2.0.0"]
    assert server.sent < 5_000
    found = read_artifact(tags, "churn")
    assert [one.version for one in found.versions] == ["v2.0.0", "v1.0.0"]
    assert found.stages["prod"].version == "v1.0.0"


def test_tags_are_those_of_now(source: Path, mirror: GitMirror) -> None:
    assert mirror.resolve("churn#prod") == id_of(source, "HEAD~1")
    git("tag", "-am", "text", "churn#prod#2", "churn@v2.0.0^{commit}", cwd=source)
    assert mirror.resolve("churn#prod") == id_of(source, "HEAD")
    git("tag", "-d", "churn#prod#2", cwd=source)
    git("tag", "-f", "-am", "moved", "churn#prod#1", "HEAD~2", cwd=source)
    assert mirror.resolve("churn#prod") == id_of(source, "HEAD~2")


@pytest.mark.parametrize("rev", ["churn@v9.0.0", "churn#dev"])
def test_the_fix_for_an_unknown_version_lists_its_tags(rev: str, source: Path, mirror: GitMirror) -> None:
    with pytest.raises(UsageError) as found:
        mirror.resolve(rev)
    assert found.value.fix is not None
    command = found.value.fix.partition(": ")[2]
    said = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, cwd="/").stdout
    assert "refs/tags/churn@v1.0.0\n" in said
    assert "other" not in said


def test_an_artifact_without_tags_is_an_unknown_revision(mirror: GitMirror) -> None:
    with pytest.raises(UsageError, match="unknown revision 'nothing@latest'"):
        mirror.resolve("nothing@latest")


def test_an_artifact_without_tags_any_more_is_not_found(source: Path, mirror: GitMirror) -> None:
    mirror.resolve("churn#prod")
    git("tag", "-d", "churn#prod#1", "churn@v1.0.0", "churn@v2.0.0", cwd=source)
    with pytest.raises(UsageError, match="unknown revision 'churn#prod'"):
        mirror.resolve("churn#prod")


def test_a_wrong_address_leaves_no_mirror(server: GitServer) -> None:
    mirror = GitMirror.of(f"{server.url}/nothing", user_cache_dir())
    with pytest.raises(DverError):
        mirror.registry("churn")
    assert not mirror.directory.exists()


def test_a_server_without_filters_has_the_registry_too(source: Path) -> None:
    git("config", "uploadpack.allowFilter", "false", cwd=source)
    mirror = GitMirror.of(source.as_uri(), user_cache_dir())
    assert mirror.resolve("churn#prod") == id_of(source, "HEAD~1")


@pytest.mark.timeout(60)
def test_a_plain_web_server_has_the_registry_too(source: Path, web_server: WebServer) -> None:
    git("clone", "-q", "--bare", source, web_server.folder / "registry.git", cwd=source)
    git("update-server-info", cwd=web_server.folder / "registry.git")
    mirror = GitMirror.of(f"{web_server.url}/registry.git", user_cache_dir())
    assert mirror.resolve("churn#prod") == id_of(source, "HEAD~1")
    assert read_artifact(mirror.registry("churn"), "churn").latest is not None


def test_a_repository_with_sha256_has_the_registry_too(tmp_path: Path) -> None:
    made = tmp_path / "sha256"
    git("init", "-q", "--object-format=sha256", made, cwd=tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "Begin", cwd=made)
    git("tag", "-am", "text", "churn@v1.0.0", cwd=made)
    first = GitMirror.of(str(made), user_cache_dir())
    assert read_artifact(first.registry("churn"), "churn").latest is not None
    assert first.resolve("churn@latest") == id_of(made, "HEAD")
    assert GitMirror.of(made.as_uri(), user_cache_dir()).resolve("churn@latest") == id_of(made, "HEAD")
