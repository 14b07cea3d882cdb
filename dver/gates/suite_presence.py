"""Whether data may have checks, found by the names of files alone: most projects have none, and pay nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from dver.repo import Repository
from dver.tracking.targets import TrackedData, ancestors

SUITE_FILE: Final = b"dver.checks.yaml"


def may_have_checks(repo: Repository, paths: Iterable[bytes]) -> bool:
    """Whether a directory of one of the data paths, or the data itself, has a file of checks."""
    places = {place for path in paths for place in (b"", *ancestors(path))}
    prefix = repo.layout.prefix
    inside = (one for one in places if not prefix or one == prefix or one.startswith(prefix + b"/"))
    return any(os.path.lexists(os.path.join(repo.layout.absolute(one), SUITE_FILE)) for one in inside)


def pipelines_may_have_checks(repo: Repository, data: Iterable[TrackedData]) -> bool:
    """Whether a dver.yaml of the stages that made outputs among `data` has the word `checks`."""
    files = {os.path.join(os.path.dirname(one.maker.lock), b"dver.yaml") for one in data if one.maker is not None}
    for file in files:
        with suppress(OSError), open(repo.layout.absolute(file), "rb") as content:
            if b"checks" in content.read():
                return True
    return False
