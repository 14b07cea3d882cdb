"""The secret filter hides what must not be published, and leaves everything else as it is."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.core.public_text import SecretFilter, is_secret_name

FILTER = SecretFilter(top="/home/alice/churn", home="/home/alice", secrets=["correct horse", "p@ss/word", "on"])
GITHUB = "ghp_" + "a1B2" * 9
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP"


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("https://alice:hunter2@example.org/data", "https://example.org/data"),
        (f"git+https://{GITHUB}@github.com/acme/churn", "git+https://github.com/acme/churn"),
        ("https://alice:p@ss@example.org:8080/x", "https://example.org:8080/x"),
        ("postgresql://u:pw@db/churn?sslmode=require", "postgresql://db/churn?sslmode=require"),
        ("ssh://git@example.org/churn", "ssh://git@example.org/churn"),
        ("https://b.example.org/k?X-Amz-Date=1&X-Amz-Signature=abc", "https://b.example.org/k?X-Amz-Date=***&X-Amz-Signature=***"),
        ("https://b.example.org/k?sv=2020&sig=a%2Fb", "https://b.example.org/k?sv=2020&sig=***"),
        ("https://example.org/#access_token=abc&page=2", "https://example.org/#access_token=***&page=2"),
        (f"use {GITHUB} now", "use *** now"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        (f"see {JWT}.", "see ***."),
        ("Authorization: Bearer abc123def456ghi", "Authorization: Bearer ***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- end", "*** end"),
        ("-----BEGIN PRIVATE KEY-----\ncut off", "***"),
        ("python train.py --api-key s3cr3t --lr 0.1", "python train.py --api-key *** --lr 0.1"),
        ("python train.py --token=s3cr3t", "python train.py --token=***"),
        ("DB_PASSWORD='a b' python train.py", "DB_PASSWORD=*** python train.py"),
        ('{"apiKey": "s3cr3t", "n": 1}', '{"apiKey": ***, "n": 1}'),
        ("password: s3cr3t", "password: ***"),
        ("AccountName=a;AccountKey=abc==;Suffix=x", "AccountName=a;AccountKey=***;Suffix=x"),
        ("say correct horse twice", "say *** twice"),
        ("https://example.org/?q=p%40ss%2Fword", "https://example.org/?q=***"),
    ],
)  # fmt: skip
def test_secrets_are_masked(text: str, public: str) -> None:
    assert FILTER.text(text) == public


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("/home/alice/churn/data/train.csv", "data/train.csv"),
        ("made in /home/alice/churn.", "made in .."),
        ("/home/alice/churn-2/x.csv", "…/x.csv"),
        ("/home/alice", "~"),
        ("/home/bob", "~"),
        ("--out=/scratch/bob/run 1/m.pkl", "--out=…/run 1/m.pkl"),
        ("'/mnt/data/train.csv'", "'…/train.csv'"),
        ("/mnt/data/images/", "…/images/"),
        ("file:///srv/data/x.csv", "…/x.csv"),
        ("host:/srv/git/churn", "host:…/churn"),
        ("PATH=/usr/bin:/opt/x/bin", "PATH=…/bin:…/bin"),
        (r"C:\Users\bob\data\x.csv", "…/x.csv"),
        (r"C:\Users\bob", "~"),
        ("C:/", "…/"),
        (r'"D:\\data\\x.csv"', '"…/x.csv"'),
        (r"\\server\share\x.csv", "…/x.csv"),
    ],
)
def test_absolute_paths_become_relative_or_a_name(text: str, public: str) -> None:
    assert FILTER.text(text) == public


@pytest.mark.parametrize(
    "text",
    [
        "accuracy and/or recall, 1/2 of data/train.csv",
        "dver://registry@v1/data/x.csv",
        "dver://https://example.org/acme/churn@main/x",
        "remote://store/raw/x.csv",
        "https://example.org/a/b/c?page=2&download=true",
        "s3://bucket/key/x.csv",
        "git@example.org:acme/churn.git",
        "the join key: customer_id; primary_key=id",
        "Basic classification-of-customers",
        "sk-learn-logistic-regression-model-version",
        "3f786850e387550fdab836ed7e6dc881de23001b",
        "a" * 64,
        "POST /predict",
        "./src/train.py ../data/x.csv ~/notes/x ${HOME}/data/x",
        "turn it on",
        "--token --lr 0.1",
        "1.5 MB/s, 10 km/h, x = y / z / w",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert FILTER.text(text) == text


def test_values_of_keys_that_name_secrets_are_masked() -> None:
    value = {"db": {"password": 1234, "host": "h", "tokens": [f"x {GITHUB}"]}, "api_key": ["a", "b"], "use_auth": True}
    assert FILTER.value(value) == {
        "db": {"password": "***", "host": "h", "tokens": ["x ***"]},
        "api_key": ["***", "***"],
        "use_auth": True,
    }


def test_keys_of_values_are_filtered_too() -> None:
    assert FILTER.value({"/mnt/data/x.csv": 1, 2: None}) == {"…/x.csv": 1, "2": None}


@pytest.mark.parametrize(
    "name", ["TOKEN", "GH_TOKEN", "api-key", "apiKey", "secretKey", "db.password", "AWS_SECRET_ID"]
)
def test_names_of_secrets_are_recognized(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["tokens", "n_tokens", "primary_key", "monkey", "learning_rate", "compass", ""])
def test_other_names_are_not_names_of_secrets(name: str) -> None:
    assert not is_secret_name(name)


@given(st.text(alphabet="ab/:.@=?&-_ \\'\"~CAKI0139\n…*", max_size=80))
def test_a_second_filter_changes_nothing(text: str) -> None:
    once = FILTER.text(text)
    assert FILTER.text(once) == once


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_known_secret_never_remains(before: str, after: str) -> None:
    assert "hunter2-hunter2" not in SecretFilter(secrets=["hunter2-hunter2"]).text(f"{before}hunter2-hunter2{after}")


@pytest.mark.parametrize("part", ["a", "/a", "a=", "://a", "-----BEGIN PRIVATE KEY-----", "eyJ", "C:\\a", "-a", "@ "])
def test_long_text_is_filtered_quickly(part: str) -> None:
    start = process_time()
    FILTER.text(part * (200_000 // len(part)))
    assert process_time() - start < 2
