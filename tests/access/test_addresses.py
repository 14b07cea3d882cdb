"""Addresses of paths in repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from dver.access.addresses import DataAddress, directory_of_url, is_url


@pytest.mark.parametrize(
    ("text", "repo", "rev", "path"),
    [
        ("https://host/team/data@v1:images/a.png", "https://host/team/data", "v1", "images/a.png"),
        ("https://host:8443/team/data.git@v1:a", "https://host:8443/team/data.git", "v1", "a"),
        ("https://me@host:8443/data@v1:a", "https://me@host:8443/data", "v1", "a"),
        ("ssh://git@host:22/data@feature/x:a", "ssh://git@host:22/data", "feature/x", "a"),
        ("file:///srv/data@main~3:a:b@c", "file:///srv/data", "main~3", "a:b@c"),
        ("git@host:team/data.git@v1:a", "git@host:team/data.git", "v1", "a"),
        ("host:data@v1:a", "host:data", "v1", "a"),
        ("git@host:/srv/data@v1:a", "git@host:/srv/data", "v1", "a"),
        ("../data@v1:a", "../data", "v1", "a"),
        ("/srv/data@HEAD@{1}:a", "/srv/data", "HEAD@{1}", "a"),
        ("./data@:a", "./data", None, "a"),
        ("https://host/data@v1:", "https://host/data", "v1", ""),
        ("@v1:a/b", None, "v1", "a/b"),
        ("https://me@host/data@churn@v1.2.0:a", "https://me@host/data", "churn@v1.2.0", "a"),
        ("git@host:team/data.git@churn@latest:a", "git@host:team/data.git", "churn@latest", "a"),
        ("git@host:team/data.git@churn#prod:a@v1.0.0:b", "git@host:team/data.git", "churn#prod", "a@v1.0.0:b"),
        ("../data@churn@1.2.0-rc.1:a", "../data", "churn@1.2.0-rc.1", "a"),
        ("@churn@latest:a/b", None, "churn@latest", "a/b"),
    ],
)
def test_an_address_has_repository_revision_and_path(text: str, repo: str | None, rev: str | None, path: str) -> None:
    found = DataAddress.parse(text)
    assert found == DataAddress(repo, rev, path)
    assert str(found) == text


@pytest.mark.parametrize(
    "text",
    ["data/a.csv", "a@b", "none@v1:a", "a:b", "@:a", "git@host:team/data.git", "https://user@host:80", "", "@", "@{1}"],
)
def test_other_texts_are_no_addresses(text: str) -> None:
    assert DataAddress.parse(text) is None


def test_a_directory_of_that_name_comes_before_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").mkdir()
    monkeypatch.chdir(tmp_path)
    assert DataAddress.parse("git@host:team/data@v1:a") == DataAddress("git", "host", "team/data@v1:a")
    assert DataAddress.parse("./git@v1:a") == DataAddress("./git", "v1", "a")


def test_urls_and_directories_are_told_apart(tmp_path: Path) -> None:
    assert all(map(is_url, ["https://host/x", "git@host:x", "host:x/y", "file:///srv/x"]))
    assert not any(map(is_url, ["x", "./host:x", "/srv/x:y", "../x", str(tmp_path)]))
    assert directory_of_url("file:///srv/a%20b") == Path("/srv/a b")
    assert directory_of_url("/srv/a") == Path("/srv/a")
    assert directory_of_url("https://host/x") is None
