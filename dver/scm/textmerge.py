"""Git's own merge of text, line by line."""

from __future__ import annotations

import os
import subprocess
from tempfile import TemporaryDirectory


def merge_lines(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """The three texts merged by `git merge-file`; None with conflicts, or where Git cannot do it."""
    with TemporaryDirectory(prefix="dver-merge-") as folder:
        paths = []
        for name, content in (("ours", ours), ("base", base), ("theirs", theirs)):
            paths.append(os.path.join(folder, name))
            with open(paths[-1], "wb") as file:
                file.write(content)
        done = subprocess.run(
            ["git", "merge-file", "-p", "-q", *paths], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    return done.stdout if done.returncode == 0 else None
