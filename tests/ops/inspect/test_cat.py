"""Printing through the library: in pieces, verified, errors before bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dver.core.errors import CorruptError, UsageError
from dver.ops.inspect import cat as module
from dver.ops.inspect.cat import cat
from dver.ops.track.add import add
from dver.ops.track.init import init
from dver.repo import Repository


@pytest.fixture
def repo(git_repo: Path) -> Iterator[Repository]:
    init(git_repo)
    with Repository.open(git_repo) as opened:
        yield opened


def test_an_empty_file_has_no_bytes(repo: Repository) -> None:
    (repo.root / "empty").touch()
    add(repo, ["empty"], cwd=repo.root)
    assert b"".join(cat(repo, "empty", cwd=repo.root)) == b""


def test_a_large_file_comes_in_pieces_and_damage_ends_it_with_an_error(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IN_MEMORY_MAX", 1 << 20)
    content = os.urandom(10 << 20)
    (repo.root / "big").write_bytes(content)
    add(repo, ["big"], cwd=repo.root)
    pieces = list(cat(repo, "big", cwd=repo.root))
    assert len(pieces) > 1
    assert b"".join(pieces) == content
    for file in [*repo.store.packs.glob("*"), *repo.store.loose.root.glob("*/*")]:
        file.chmod(0o644)
        stored = bytearray(file.read_bytes())
        stored[len(stored) // 2] ^= 1
        file.write_bytes(stored)
    with pytest.raises(CorruptError, match="'big' is damaged"):
        list(cat(repo, "big", cwd=repo.root))


def test_a_folder_with_a_single_tracked_file_in_it_is_still_a_directory(repo: Repository) -> None:
    (repo.root / "models").mkdir()
    (repo.root / "models/net").write_text("net")
    add(repo, ["models/net"], cwd=repo.root)
    with pytest.raises(UsageError, match="is a directory"):
        list(cat(repo, "models", cwd=repo.root))
