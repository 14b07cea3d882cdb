"""What a pointer records of a URL, and the names of imported data."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspaces import Project

from dver.core.errors import UsageError
from dver.sources.url_sources import default_name, recorded_url


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("s3://bucket/raw/day 1/", "day 1"),
        ("s3://bucket/a?b", "a?b"),
        ("https://example.org/a%20b.csv?version=2#top", "a b.csv"),
        ("file:///mnt/a%20b", "a b"),
        ("../raw", "raw"),
        ("/mnt/raw/", "raw"),
    ],
)
def test_data_is_called_like_the_last_part_of_its_url(url: str, name: str) -> None:
    assert default_name(url) == name


@pytest.mark.parametrize("url", ["https://example.org", "https://example.org/?a=b", "s3://bucket/", "..", "file:///"])
def test_a_url_without_a_name_needs_one(url: str) -> None:
    with pytest.raises(UsageError, match="cannot tell the name"):
        default_name(url)


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("raw", "sub/raw"),
        ("../../raw", "../raw"),
        ("/mnt/raw", "/mnt/raw"),
        ("~/raw", "~/raw"),
        ("s3://bucket/raw", "s3://bucket/raw"),
        ("https://example.org/a?id=3", "https://example.org/a?id=3"),
        ("sftp://me@example.org/a", "sftp://me@example.org/a"),
    ],
)
def test_a_pointer_records_relative_paths_from_the_project(tmp_path: Path, url: str, recorded: str) -> None:
    project = Project.make(tmp_path / "repo")
    with project.opened() as repo:
        assert recorded_url(repo, url, project.root / "sub") == recorded


@pytest.mark.parametrize("query", ["sig=x", "a=b&X-Amz-Signature=x", "access_token=x", "Signature=", "api_key=x"])
def test_a_query_with_a_secret_is_refused(tmp_path: Path, query: str) -> None:
    project = Project.make(tmp_path / "repo")
    with project.opened() as repo, pytest.raises(UsageError, match="secret"):
        recorded_url(repo, f"https://example.org/a?{query}", project.root)
