"""Settings of a remote: valid and invalid values, and the storage that they select."""

from __future__ import annotations

from pathlib import Path

import pytest

from dver.core.errors import RepositoryError
from dver.core.remote_schema import BY_NAME, SECRETS
from dver.remote.backends.connect import connect
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.backends.fsspec import FsspecStorage
from dver.remote.backends.s3 import S3Storage
from dver.remote.settings import RemoteSettings, parse


def refused(**table: object) -> RepositoryError:
    with pytest.raises(RepositoryError) as caught:
        parse("origin", table)
    assert caught.value.why
    assert caught.value.fix
    return caught.value


def test_every_setting_is_parsed() -> None:
    table: dict[str, object] = {
        "url": "s3://bucket/prefix",
        "endpoint_url": "http://localhost:9000",
        "region": "eu-west-1",
        "profile": "work",
        "addressing_style": "path",
        "anonymous": False,
        "access_key_id": "id",
        "secret_access_key": "secret",
        "session_token": "token",
        "user": "me",
        "password": "word",
        "key_file": "~/key",
        "account": "acme",
        "account_key": "key",
        "sas_token": "sas",
        "connection_string": "a=b",
        "jobs": 3,
    }
    assert set(table) == set(BY_NAME)
    settings = parse("origin", table)
    assert {name: getattr(settings, name) for name in table} == table
    assert settings.name == "origin"


def test_a_url_alone_is_enough() -> None:
    assert parse("origin", {"url": "/mnt/share"}) == RemoteSettings(name="origin", url="/mnt/share")


def test_secrets_are_never_shown() -> None:
    settings = parse("o", {"url": "s3://b", "access_key_id": "AKID", "secret_access_key": "SECRET"})
    assert "AKID" not in repr(settings)
    assert "SECRET" not in repr(settings)
    others = parse("o", {"url": "az://c", "password": "SECRET", "account_key": "SECRET", "sas_token": "SECRET"})
    assert "SECRET" not in repr(others)
    assert {spec.name for spec in BY_NAME.values() if spec.secret} == SECRETS
    assert {"access_key_id", "secret_access_key", "session_token", "password", "key_file", "account_key"} < SECRETS


def test_an_unknown_setting_is_refused_with_a_similar_one() -> None:
    assert "endpoint_url" in (refused(url="s3://b", endpoint="x").fix or "")


def test_a_secret_of_a_wrong_type_is_refused_without_showing_it() -> None:
    error = refused(url="s3://b", access_key_id="id", secret_access_key=12345)
    assert "12345" not in f"{error.what}{error.why}{error.fix}"


@pytest.mark.parametrize(
    ("key", "value"),
    [("jobs", "4"), ("jobs", True), ("jobs", 0), ("anonymous", "yes"), ("region", 1), ("addressing_style", "dns")],
)
def test_a_value_of_a_wrong_kind_is_refused(key: str, value: object) -> None:
    assert key in refused(url="s3://bucket", **{key: value}).what


@pytest.mark.parametrize("table", [{}, {"url": ""}, {"url": " "}])
def test_a_remote_without_a_url_is_refused(table: dict[str, object]) -> None:
    assert "no url" in refused(**table).what


def test_half_an_access_key_is_refused() -> None:
    assert "half" in refused(url="s3://b", access_key_id="id").what


@pytest.mark.parametrize(
    "url", ["s3://AKID:SECRET@bucket/p", "s3://AKID@bucket", "https://me:SECRET@host/p", "sftp://me:SECRET@host/p"]
)
def test_a_url_with_credentials_is_refused_without_showing_them(url: str) -> None:
    error = refused(url=url)
    assert "credentials" in error.what
    assert "SECRET" not in f"{error.what}{error.why}{error.fix}"


@pytest.mark.parametrize("url", ["s3:/bucket/prefix", "s3://", "s3:///prefix", "gs:/bucket"])
def test_a_url_with_a_slip_is_refused(url: str) -> None:
    assert "://" in (refused(url=url).fix or "")


@pytest.mark.parametrize("url", ["sftp://me@host/path", "/odd@place:x", "a:b", "C@D"])
def test_a_user_name_or_an_odd_folder_is_fine(url: str) -> None:
    assert parse("origin", {"url": url}).url == url


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("../share", "/base/../share"),
        ("/mnt/share", "/mnt/share"),
        ("file:///mnt/my%20share", "/mnt/my share"),
        ("file://localhost/mnt", "/mnt"),
        ("~/share", "~/share"),
    ],
)
def test_relative_directories_start_at_the_project(url: str, folder: str) -> None:
    storage = connect(parse("origin", {"url": url}), base=Path("/base"))
    assert isinstance(storage, DirectoryStorage)
    assert Path(storage.url) == Path(folder).expanduser().resolve()


def test_a_file_url_of_another_machine_is_refused() -> None:
    with pytest.raises(RepositoryError, match="another machine"):
        connect(parse("origin", {"url": "file://host/path"}), base=Path("/"))


def test_the_protocol_chooses_the_storage() -> None:
    assert isinstance(connect(parse("o", {"url": "s3://bucket/p/"}), base=Path("/")), S3Storage)
    assert isinstance(connect(parse("o", {"url": "memory://x"}), base=Path("/")), FsspecStorage)
    assert connect(parse("o", {"url": "s3://bucket/p/"}), base=Path("/")).url == "s3://bucket/p"


def test_the_guide_explains_every_setting() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "remotes.md").read_text()
    for name, spec in BY_NAME.items():
        row = next(line for line in guide.splitlines() if line.startswith(f"| `{name}`"))
        assert ("secret:" in row) is spec.secret
