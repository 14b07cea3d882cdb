"""What a command staged for Git: each verb that writes a file for Git stages it, and says so."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dver.cli import terminal
from dver.cli.changes import shown
from dver.cli.context import Context
from dver.core.words import some, typed
from dver.repo import Repository
from dver.scm.staged import recorded_by_commit


def report_staged(ctx: Context, repo: Repository, *, then: str = "") -> None:
    """Print which files were staged, and which were not; `then` says what comes after `git commit`.

    A file that was written as HEAD has it is not named: there is nothing to commit.
    """
    files = sorted(recorded_by_commit(repo.git, repo.staged), key=_is_hidden) if repo.staged else []
    if files:
        ctx.note(staged_line([shown(repo, one) for one in files]) + then)
    for path in repo.not_staged:
        command = terminal.printable(f"git add {typed(os.fsdecode(repo.shown(path)))}")
        ctx.note(f"not staged: {shown(repo, path)} has changes of yours that are not staged; `{command}` stages all")


def staged_line(files: Sequence[str]) -> str:
    """That `files`, fit for the terminal, were staged."""
    return f"staged {some(files)}: `git commit` records {'it' if len(files) == 1 else 'them'}"


def _is_hidden(path: bytes) -> bool:
    return os.path.basename(path).startswith(b".")
