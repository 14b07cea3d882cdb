"""The remotes in DVC's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from dver.access.dvc.remotes import DvcRemotes
from dver.core.errors import MissingObjectError, RepositoryError
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.backends.s3 import S3Storage

CONFIG = b"""
[core]
    remote = store
    autostage = true
['remote "store"']
    url = s3://bucket/prefix
    endpointurl = https://minio.example.org
    allow_anonymous_login = true
    unknown = 1
    jobs = 4
['remote "share"']
    url = ../../share
['remote "part"']
    url = remote://store/part
['remote "ssh"']
    url = ssh://me@host/path
"""


def test_settings_are_translated() -> None:
    found = DvcRemotes.parse(CONFIG)
    assert found.default == "store"
    assert found.tables["store"] == {
        "url": "s3://bucket/prefix",
        "endpoint_url": "https://minio.example.org",
        "anonymous": True,
    }
    assert found.tables["ssh"] == {"url": "sftp://me@host/path"}


def test_the_users_settings_are_completed_by_the_repositorys() -> None:
    user = b"['remote \"store\"']\n    profile = work\n    url = s3://other\n"
    found = DvcRemotes.parse(user, CONFIG)
    assert (found.tables["store"]["profile"], found.tables["store"]["url"]) == ("work", "s3://bucket/prefix")


def test_the_only_remote_is_the_default() -> None:
    assert DvcRemotes.parse(b"['remote \"one\"']\nurl = /x\n").default == "one"
    assert DvcRemotes.parse(b"").default is None


def test_remotes_are_opened(tmp_path: Path) -> None:
    found = DvcRemotes.parse(CONFIG)
    share = found.connect("share", base=tmp_path / "repo" / ".dvc", source="r")
    assert isinstance(share, DirectoryStorage)
    part = found.connect("part", base=None, source="r")
    assert isinstance(part, S3Storage)
    assert part.url == "s3://bucket/prefix/part"


def test_what_cannot_be_reached_says_why() -> None:
    found = DvcRemotes.parse(CONFIG)
    with pytest.raises(RepositoryError, match="beside its clones"):
        found.connect("share", base=None, source="https://host/r")
    with pytest.raises(MissingObjectError) as caught:
        found.connect("none", base=None, source="https://host/r")
    assert caught.value.why == "its remotes are: store, share, part, ssh"
    with pytest.raises(RepositoryError, match="not readable"):
        DvcRemotes.parse(b"no section = 1\n")
