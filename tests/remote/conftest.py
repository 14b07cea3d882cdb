"""Storages to test: a folder, fsspec's memory, and S3 by two servers."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from dver.remote.connect import connect
from dver.remote.settings import parse
from dver.remote.storage import Storage

KINDS = ["file", "memory", "s3-rclone", "s3-moto"]


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty remote of each kind."""
    return make_storage(request.param, request, tmp_path)


@pytest.fixture(params=["s3-rclone", "s3-moto"])
def s3_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty remote on each S3 server."""
    return make_storage(request.param, request, tmp_path)


def make_storage(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    tables: dict[str, Any] = {
        "file": lambda: {"url": str(tmp_path / "remote")},
        "memory": lambda: {"url": f"memory://{uuid.uuid4().hex}/deep"},
        "s3-rclone": lambda: request.getfixturevalue("s3_server").table(),
        "s3-moto": lambda: request.getfixturevalue("moto_server").table(),
    }
    return connect(parse("origin", tables[kind]()), base=tmp_path)
