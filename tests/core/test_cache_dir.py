"""The user's cache directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from dver.core.cache_dir import user_cache_dir


def test_the_environment_names_the_cache_directory() -> None:
    assert user_cache_dir({"XDG_CACHE_HOME": "/var/cache/me"}) == Path("/var/cache/me/dver")


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_otherwise_it_is_in_the_home_directory(value: str, env: Path) -> None:
    assert user_cache_dir({"XDG_CACHE_HOME": value}) == env / ".cache" / "dver"
