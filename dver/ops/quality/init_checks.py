"""`dver checks init`: propose rules from the profile of data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.checks.proposing.insertion import add_rules
from dver.checks.proposing.proposal import propose
from dver.checks.suite.rules import FILE_NAME
from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.files import read_regular, write_atomic
from dver.core.progress import SILENT, Progress
from dver.git import index
from dver.profile_cache.profiles import profile_of
from dver.profiles.tables import require_libraries
from dver.repo import Repository
from dver.tracking.targets import target_containing, tracked_in_worktree


@dataclass(frozen=True, slots=True, repr=False)
class ProposedChecks(Displayed):
    """Rules that were proposed."""

    path: str
    """The suite, relative to the top of the Git worktree."""
    data: str
    """The data, relative to the directory of the suite."""
    rules: int
    content: str
    """The text of the suite with the new rules; of a dry run, the new rules."""
    written: bool


def init_checks(
    repo: Repository, path: str, *, cwd: Path, dry_run: bool = False, progress: Progress = SILENT
) -> ProposedChecks:
    """Add rules for the data at `path` to a suite: one that is there already, or a new one beside the data.

    Rules that are there stay. Raises ConflictError if there are rules for `path`, UsageError for data without a
    profile or without the extra `data`.
    """
    require_libraries()  # a known profile has sketches, too
    found = profile_of(repo, path, cwd=cwd, progress=progress)
    proposal = propose(found.profile)
    if not proposal.rules:
        raise UsageError(f"{path!r} has no rules to propose", why="it has no tables, images, recordings or texts")
    with repo.exclusive():
        file = _suite_file(repo, found.path)
        absolute = Path(os.fsdecode(repo.layout.absolute(file)))
        before = read_regular(absolute) if absolute.exists() and not dry_run else b""
        data = os.fsdecode(os.path.relpath(found.path, os.path.dirname(file) or b"."))
        after = add_rules(before, data, proposal.lines, repo.layout.shown(file))
        if not dry_run:
            _write(repo, file, absolute, after)
    return ProposedChecks(os.fsdecode(file), data, proposal.rules, after.decode(), not dry_run)


def _write(repo: Repository, file: bytes, absolute: Path, content: bytes) -> None:
    """Write the suite, and stage it unless it has changes of the user."""
    as_staged = index.is_as_staged(repo.git, file)
    write_atomic(absolute, content)
    if as_staged:
        repo.stage([file])
    else:
        repo.not_staged[file] = None


def _suite_file(repo: Repository, path: bytes) -> bytes:
    """The nearest suite above the data, or a new one beside it. Not in tracked data."""
    target = target_containing(tracked_in_worktree(repo), path)
    start = os.path.dirname(target.tracked.path if target is not None else path)
    files = [os.path.join(one, os.fsencode(FILE_NAME)) for one in _upward(start, repo.layout.prefix.rstrip(b"/"))]
    return next((one for one in files if repo.layout.exists(one)), files[0])


def _upward(directory: bytes, top: bytes) -> Sequence[bytes]:
    found = [directory]
    while found[-1] not in (top, b""):
        found.append(os.path.dirname(found[-1]))
    return found
