"""URLs of data: which have a repository, and which are paths."""

from __future__ import annotations

import pytest

from dver.access.addresses import DataAddress
from dver.access.data_urls import data_url, parse_data_url

REPOSITORIES = [
    ("dver://https://host/team/data.git@v1/images/a.png", ("https://host/team/data.git", "v1", "images/a.png")),
    ("dver://https://me@host/data.git@v1/x@2x.png", ("https://me@host/data.git", "v1", "x@2x.png")),
    ("dver://ssh://git@host/data.git@feature%2Fx/p", ("ssh://git@host/data.git", "feature/x", "p")),
    ("dver://git@host:team/data.git@HEAD~1/a/b", ("git@host:team/data.git", "HEAD~1", "a/b")),
    ("dver://../registry@v1/data/x.csv", ("../registry", "v1", "data/x.csv")),
    ("dver:///srv/registry@v1/", ("/srv/registry", "v1", "")),
    ("dver://~/registry@v1/d@v2/f", ("~/registry", "v1", "d@v2/f")),
]


@pytest.mark.parametrize(("url", "parts"), REPOSITORIES)
def test_an_address_with_a_repository(url: str, parts: tuple[str, str, str]) -> None:
    address = parse_data_url(url)
    assert (address.repo, address.rev, address.path) == parts


@pytest.mark.parametrize("url", [url for url, _ in REPOSITORIES])
def test_an_address_is_written_as_it_is_parsed(url: str) -> None:
    assert data_url(parse_data_url(url)) == url


@pytest.mark.parametrize("path", ["data/x.csv", "icons/a@2x.png", "icons@2x/a.png", "/data/x.csv", "a:b@c", ""])
def test_everything_else_is_a_path(path: str) -> None:
    assert parse_data_url(f"dver://{path}") == DataAddress(None, None, path)
    assert data_url(DataAddress(None, None, path)) == f"dver://{path}"
