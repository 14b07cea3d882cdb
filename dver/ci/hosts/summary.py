"""The summary of a job, which GitHub shows on the page of the run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dver.ci.hosts.comment_body import shortened
from dver.core.errors import UsageError
from dver.core.files import explain

SUMMARY_LIMIT: Final = 1_000_000
"""The most bytes of a step's summary. The host's limit is 1 MiB; near it, the host drops summaries without a word."""


def summary_of(environ: Mapping[str, str]) -> Path:
    """The file of this step's summary. Raises UsageError outside of GitHub Actions."""
    name = environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        raise UsageError(
            "this job has no summary",
            why="GITHUB_STEP_SUMMARY is not set; GitLab has no summaries of jobs",
            fix="leave out --summary; on GitLab, publish `dver report --html -o report.html` as an artifact",
        )
    return Path(name)


def write_summary(text: str, environ: Mapping[str, str], rest: str) -> Path:
    """Append `text` to the summary of this step. `rest` says where all of a long text is.

    Raises UsageError outside of GitHub Actions, LocalIOError.
    """
    path = summary_of(environ)
    try:
        with path.open("ab") as file:
            room = SUMMARY_LIMIT - os.fstat(file.fileno()).st_size
            content = shortened(text.rstrip("\n") + "\n", room, rest, length=_size)
            if _size(content) <= room:
                file.write(content.encode("utf-8", "replace"))
    except OSError as error:
        raise explain(error) from error
    return path


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
