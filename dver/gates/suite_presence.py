"""Whether data may have checks, found by the names of files alone: most projects have none, and pay nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from dver.repo import Repository
from dver.tracking.targets import ancestors

SUITE_FILE: Final = b"dver.checks.yaml"


def may_have_checks(repo: Repository, paths: Iterable[bytes]) -> bool:
    """Whether a directory of one of the data paths, or the data itself, has a file of checks."""
    places = {place for path in paths for place in (b"", *ancestors(path))}
    prefix = repo.layout.prefix
    inside = (one for one in places if not prefix or one == prefix or one.startswith(prefix + b"/"))
    return any(os.path.lexists(os.path.join(repo.layout.absolute(one), SUITE_FILE)) for one in inside)
