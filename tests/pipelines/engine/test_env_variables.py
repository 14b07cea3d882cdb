"""Environment variables as dependencies: digests of their values, and names that look like secrets."""

from __future__ import annotations

import hashlib
import re

import pytest

from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.engine.env_variables import env_digests, env_values, secret_variables
from dver.pipelines.engine.graph import Address


def test_a_digest_is_of_name_and_value_and_holds_neither() -> None:
    env = {"A": None, "B": None, "C": "fixed", "D": None}
    found = env_digests(env, {"A": "1", "B": "1"})
    assert found["D"] is None
    assert len(set(found.values())) == 4
    assert re.fullmatch("scrypt:[0-9a-f]{32}", found["A"] or "")
    assert re.fullmatch("blake3:[0-9a-f]{32}", found["C"] or "")
    assert env_digests(env, {"A": "2"})["A"] != found["A"]
    assert env_digests(env, {"A": "1", "B": "1"}) == found


def test_a_short_secret_is_not_found_by_hashing_all_of_its_kind() -> None:
    found = env_digests({"PIN": None}, {"PIN": "0042"})["PIN"] or ""
    for algorithm in ("md5", "sha1", "sha256", "blake2b"):
        guesses = {hashlib.new(algorithm, b"%04d" % pin).hexdigest()[:32] for pin in range(10_000)}
        assert found.partition(":")[2] not in guesses


def test_what_a_digest_is_stays_the_same() -> None:
    # Lock files and runs on remotes hold them.
    assert env_digests({"SEED": None, "MODE": "fast"}, {"SEED": "1"}) == {
        "SEED": "scrypt:80c11e83b5c3e542177869ffdfef2885",
        "MODE": "blake3:5fa4c5850ed163cf971622768f4b1e95",
    }


def test_a_value_need_not_be_utf_8() -> None:
    found = env_digests({"A": None}, {"A": "\udcff"})
    assert found != env_digests({"A": None}, {"A": "\udcfe"})


def test_what_dver_yaml_sets_comes_before_the_environment() -> None:
    assert env_values({"A": "file", "B": None, "C": None}, {"A": "shell", "B": "shell"}) == {"A": "file", "B": "shell"}


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("API_KEY", True),
        ("OPENAI_API_KEY", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("apikey", True),
        ("HF_TOKEN", True),
        ("GITHUBTOKEN", True),
        ("DB_PASSWORD", True),
        ("PGPASSWORD", True),
        ("GITHUB_PAT", True),
        ("SENTRY_DSN", True),
        ("GOOGLE_APPLICATION_CREDENTIALS", True),
        ("SEED", False),
        ("MAX_TOKENS", False),
        ("SORT_KEY", False),
        ("KEYBOARD", False),
        ("MONKEY", False),
        ("AUTHOR", False),
        ("CUDA_VISIBLE_DEVICES", False),
        ("PATH", False),
        ("PWD", False),
    ],
)
def test_names_look_like_secrets_or_not(name: str, is_secret: bool) -> None:
    file = load_pipeline_file(
        f"stages: {{a: {{cmd: x, env: [{name}]}}, b: {{cmd: x, env: [{name}: v]}}}}".encode(), {}.get
    )
    stages = {Address("", one): stage for one, stage in file.stages.items()}
    found = secret_variables(stages, stages)
    assert bool(found) is is_secret
    assert not found or [(one.stages, one.in_file) for one in found] == [
        ((Address("", "a"),), False),
        ((Address("", "b"),), True),
    ]
