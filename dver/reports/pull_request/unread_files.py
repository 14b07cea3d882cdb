"""Files that a section could not read: their changes are unknown, which is not the same as added or removed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dver.core.errors import DverError
from dver.pipelines import FILE_NAME
from dver.pipelines.compare.compared_versions import WORKSPACE, FileMissingError, ReadProblem
from dver.pipelines.compare.dvc_files import FILE_NAME as DVC_FILE_NAME
from dver.reports.pull_request.subject import ReportSubject
from dver.tracking.targets import Target, TrackedData, target_containing


@dataclass(frozen=True, slots=True)
class UnreadFiles:
    """The files that could not be read, by their paths relative to the project."""

    paths: frozenset[str]
    """Those with unknown content on one side. None of their values is compared."""
    problems: tuple[ReadProblem, ...]
    """What the report says: nothing about data that both versions have."""

    def has(self, path: str) -> bool:
        """Whether the content at `path`, or of the directory that contains it, is unknown."""
        return any(path == one or path.startswith(one + "/") for one in self.paths)

    @property
    def has_pipeline(self) -> bool:
        """Whether a `dver.yaml` could not be read, so that it is unknown which files belong to that side."""
        names = (FILE_NAME, os.fsdecode(DVC_FILE_NAME))
        return any(os.path.basename(one.path) in names for one in self.problems)


def unread_files(subject: ReportSubject, problems: Sequence[ReadProblem]) -> UnreadFiles:
    """Sort the `problems` that a section found."""
    old, new = _tracked(subject) if problems else ({}, {})
    paths: set[str] = set()
    noted: list[ReadProblem] = []
    for one in problems:
        before, after = (_recorded(subject, tracked, one.path) for tracked in (old, new))
        # A file that a commit does not have is known to be missing; the workspace may wait for its checkout.
        if not isinstance(one.error, FileMissingError) or (one.side == WORKSPACE and after is not None):
            paths.add(one.path)
            if _is_same(before, after):
                continue
        noted.append(one)
    return UnreadFiles(frozenset(paths), tuple(noted))


def _tracked(subject: ReportSubject) -> tuple[Mapping[bytes, TrackedData], Mapping[bytes, TrackedData]]:
    with suppress(DverError):  # the section of data reports it
        return subject.tracked(subject.old), subject.tracked(subject.new)
    return {}, {}


def _recorded(subject: ReportSubject, tracked: Mapping[bytes, TrackedData], path: str) -> Target | None:
    """The tracked data at a path that starts at the project, or at the top of the Git worktree."""
    inside = os.path.normpath(os.path.join(subject.repo.layout.prefix, os.fsencode(path)))
    return target_containing(tracked, inside) or target_containing(tracked, os.fsencode(path))


def _is_same(old: Target | None, new: Target | None) -> bool:
    """Whether both versions have the same data at a path."""
    if old is None or new is None:
        return False
    return old.path == new.path and old.tracked.pointer.same_data(new.tracked.pointer)
