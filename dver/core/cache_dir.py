"""The user's cache directory. Everything in it can be deleted at any time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def user_cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/dver`, or `~/.cache/dver`. May be missing."""
    base = environ.get("XDG_CACHE_HOME", "")
    # The specification says that a relative path is ignored.
    return Path(base if os.path.isabs(base) else os.path.join(os.path.expanduser("~"), ".cache"), "dver")
