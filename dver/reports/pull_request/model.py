"""A report as data: two versions, and sections made of blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dver.core.display import Displayed
from dver.git.git_repo import CommitId
from dver.reports.blocks.model import Block, Inline, Picture


@dataclass(frozen=True, slots=True, repr=False)
class SectionBody(Displayed):
    """The content of a section; empty if nothing changed in it."""

    summary: Inline = ()
    """One line, such as `2 better, 1 worse`."""
    blocks: tuple[Block, ...] = ()
    notes: tuple[Inline, ...] = ()
    """What could not be read, and why."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs, as JSON types."""


@dataclass(frozen=True, slots=True, repr=False)
class ReportSection(Displayed):
    """One part of a report."""

    key: str
    """Such as `metrics`; the name in JSON."""
    title: str
    unchanged: str
    """What the report says if the body is empty, such as `no metrics changed`."""
    body: SectionBody

    @property
    def has_changes(self) -> bool:
        """Whether the section differs between the versions."""
        return bool(self.body.summary)

    @property
    def is_empty(self) -> bool:
        """Whether the section has nothing to show."""
        return not (self.body.summary or self.body.blocks or self.body.notes)


@dataclass(frozen=True, slots=True, repr=False)
class ReportedVersion(Displayed):
    """One of the two versions that a report compares."""

    name: str
    """As users name it: `origin/main`, `HEAD` or `workspace`."""
    rev: str
    """For command lines in this clone. It differs from the name where the version is not the tip of that branch."""
    commit: CommitId | None
    """None for the workspace."""


@dataclass(frozen=True, slots=True, repr=False)
class PullRequestReport(Displayed):
    """What changes between two versions."""

    old: ReportedVersion
    new: ReportedVersion
    sections: tuple[ReportSection, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures of all sections."""
        return tuple(block for one in self.sections for block in one.body.blocks if isinstance(block, Picture))

    @property
    def has_changes(self) -> bool:
        """Whether a section differs between the versions."""
        return any(one.has_changes for one in self.sections)

    def shown(self) -> Iterator[ReportSection]:
        """The sections that have anything to show."""
        return (one for one in self.sections if not one.is_empty)

    def unchanged(self) -> Iterator[ReportSection]:
        """The sections that have nothing to show."""
        return (one for one in self.sections if one.is_empty)
