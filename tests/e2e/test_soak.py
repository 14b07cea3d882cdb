"""A short form of `make soak`: see `tests/soak`."""

from __future__ import annotations

from pathlib import Path

import pytest
from servers import S3Server
from soak.__main__ import soak


@pytest.mark.long
@pytest.mark.timeout(900)
def test_clones_push_at_once_beside_a_gc_and_nothing_is_lost(s3_server: S3Server, tmp_path: Path) -> None:
    soak(tmp_path, s3_server, clones=3, rounds=range(1, 3), seed=2026)
