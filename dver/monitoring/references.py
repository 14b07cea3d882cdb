"""The data that live data is compared with, as users name it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import UsageError
from dver.monitoring.git_reference import reference_profile
from dver.profile_cache.profiles import Found
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class Reference:
    """Data with its profile."""

    label: str
    """How a history names it, such as `data/train.csv@v1.0`."""
    found: Found
    monitor_name: str
    """The name of its monitor, if no other is given."""

    @property
    def columns(self) -> frozenset[str]:
        """The names of its columns."""
        return frozenset(column.name for part in self.found.profile.collections for column in part.columns)


def reference_at(repo: Repository, text: str, cwd: Path) -> Reference:
    """The data at `PATH` or `PATH@REV`, typed in `cwd`."""
    path, rev = split_revision(text, cwd)
    found = reference_profile(repo, path, cwd=cwd, rev=rev)
    shown = os.fsdecode(os.path.relpath(found.path, os.fsencode(repo.layout.prefix) or b"."))
    name = monitor_name(os.path.basename(shown).partition(".")[0])
    return Reference(shown + (f"@{rev}" if rev else ""), found, name)


def split_revision(text: str, cwd: Path) -> tuple[str, str | None]:
    """The path and the revision of `PATH@REV`. A path that exists may have an `@` in its name."""
    at = [found.start() for found in re.finditer("@", text)]
    if not at or os.path.lexists(cwd / text):
        return text, None
    split = next((one for one in reversed(at) if os.path.lexists(cwd / text[:one])), at[0])
    path, rev = text[:split], text[split + 1 :]
    if not path or not rev:
        raise UsageError(f"invalid reference {text!r}", why="expected PATH or PATH@REV", fix="such as data.csv@v1.0")
    return path, rev


def monitor_name(text: str) -> str:
    """A name that a monitor may have, after the name of a file or a model."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("._-")[:100] or "monitor"
