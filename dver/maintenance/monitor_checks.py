"""The check of `dver doctor` for the histories of monitors."""

from __future__ import annotations

import os
from collections.abc import Iterator

from dver.core.errors import CorruptError
from dver.core.phrasing import join_limited
from dver.formats.monitor_history import DIRECTORY, SUFFIX
from dver.git import index
from dver.maintenance.project_checks import Finding, Level, problem_finding
from dver.monitoring.history import history_file, monitor_names, read_history
from dver.repo import Repository


def check_monitors(repo: Repository) -> Iterator[Finding]:
    """Check that histories can be read, are tracked by Git, and merge by union. Nothing without histories."""
    names = monitor_names(repo)
    if not names:
        return
    readable = 0
    for name in names:
        try:
            read_history(repo, name)
            readable += 1
        except CorruptError as error:
            yield problem_finding("monitors", error)
    yield Finding(Level.OK, "monitors", f"readable histories: {readable}")
    paths = [os.fsencode(history_file(repo, name).relative_to(repo.git.worktree)) for name in names]
    if untracked := sorted(set(paths) - set(index.tracked_under(repo.git, *paths))):
        shown = join_limited([repo.layout.shown(path) for path in untracked])
        yield Finding(Level.WARNING, "monitors", f"not tracked by Git: {shown}", f"git add {DIRECTORY}")
    if index.attribute(repo.git, "merge", paths[0]) != b"union":
        yield Finding(
            Level.WARNING,
            "monitors",
            "Git does not merge histories by its union driver, so merges conflict",
            f"write the line `*{SUFFIX} merge=union` to {DIRECTORY}/.gitattributes",
        )
