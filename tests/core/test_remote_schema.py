from __future__ import annotations

import pytest

from dver.core.remote_schema import BY_NAME, SECRETS, problem_with


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "s3://bucket"),
        ("anonymous", False),
        ("jobs", 1),
        ("addressing_style", "virtual"),
        ("endpoint_url", "http://localhost:9000"),
        ("endpoint_url", "https://host.example.org/base"),
    ],
)
def test_valid_values_have_no_problem(name: str, value: object) -> None:
    assert problem_with(BY_NAME[name], value) is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("url", 3, "text"),
        ("url", None, "text"),
        ("anonymous", "true", "true or false"),
        ("anonymous", 1, "true or false"),
        ("jobs", "4", "a whole number"),
        ("jobs", True, "a whole number"),
        ("jobs", 1.0, "a whole number"),
        ("jobs", 0, "at least 1"),
        ("jobs", -1, "at least 1"),
        ("addressing_style", "Path", "one of auto, path, virtual"),
    ],
)
def test_the_expected_value_is_described(name: str, value: object, expected: str) -> None:
    assert problem_with(BY_NAME[name], value) == expected


@pytest.mark.parametrize("value", ["", "localhost:9000", "ftp://host", "https://", "https:///x", "https://h?a=1", " "])
def test_an_endpoint_is_the_address_of_a_web_server(value: str) -> None:
    assert problem_with(BY_NAME["endpoint_url"], value) == "an address such as https://minio.example.org:9000"


def test_every_credential_is_a_secret() -> None:
    words = ("key", "secret", "token", "password", "connection_string")
    assert {name for name in BY_NAME if any(word in name for word in words)} == SECRETS
