"""What the sections of a report are built from."""

from __future__ import annotations

from dataclasses import dataclass

from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.pipelines.compare.compared_versions import NamedSide
from dver.repo import Repository
from dver.reports.blocks.model import Code, Inline
from dver.reports.pull_request.model import ReportedVersion
from dver.tracking.targets import TrackedData, tracked_in_commit, tracked_in_worktree


@dataclass(frozen=True, slots=True)
class ReportSubject:
    """Two versions of a project. The new one is HEAD, or the workspace."""

    repo: Repository
    old: ReportedVersion
    new: ReportedVersion
    draw: bool = False
    """Whether to draw plots."""
    progress: Progress = SILENT

    @property
    def sides(self) -> tuple[NamedSide, NamedSide]:
        """The old and the new version, with names that fixes of errors may use."""
        return (self.old.rev, self.old.commit), (self.new.rev, self.new.commit)

    def tracked(self, version: ReportedVersion) -> dict[bytes, TrackedData]:
        """The data that the pointers and lock files of a version name, by path."""
        if version.commit is None:
            return tracked_in_worktree(self.repo)
        return tracked_in_commit(self.repo, version.commit)

    def command(self, verb: str) -> Inline:
        """The command that shows all of what a report shortens."""
        revs = [quoted(one.rev) for one in (self.old, self.new) if one.commit is not None]
        return ("run ", Code(f"dver {verb} {' '.join(revs)}"))
