"""Planned tags of the registry, and what their plans are made from. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError, UsageError
from dver.core.phrasing import join_limited, quoted
from dver.formats.registry_tag import RegistryAction, RegistryTag, TagDetails, is_artifact_name, is_stage_name
from dver.git.git_repo import CommitId
from dver.git.registry.events import RegistryEvent, RegistryTags
from dver.git.registry.references import ArtifactReference, find_version
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact, artifact_state

_NUMBERED: Final = (RegistryAction.ASSIGN, RegistryAction.UNASSIGN)


@dataclass(frozen=True, slots=True, repr=False)
class PlannedTag(Displayed):
    """A tag to make."""

    tag: RegistryTag
    commit: CommitId
    message: str
    """Without the details."""
    details: TagDetails
    version: str | None = None
    """The version that it is about; None if its commit has none, and for a deprecation."""
    existing: RegistryEvent | None = None
    """A tag of this clone that says the same. Then no tag is made."""
    requires: tuple[RegistryEvent, ...] = ()
    """Tags that a Git remote must have for this one to have a meaning: the registration of the version."""


@dataclass(frozen=True, slots=True)
class KnownTags:
    """The tags of one artifact in this clone."""

    artifact: RegisteredArtifact
    taken: frozenset[str]
    """The names of all its tags, also of unusable ones."""

    @classmethod
    def of(cls, name: str, tags: RegistryTags) -> KnownTags:
        """The tags of the artifact `name` among `tags`, which are all of this artifact."""
        taken = {str(one.tag) for one in tags.events} | {one.name for one in tags.unusable}
        return cls(artifact_state(name, tags.events), frozenset(taken))

    def free(self, tag: RegistryTag) -> RegistryTag:
        """`tag` with the next number if it needs one: as an assignment, and if its name is taken."""
        if tag.action not in _NUMBERED and str(tag) not in self.taken:
            return tag
        return replace(tag, number=self._last_number + 1)

    def is_version_taken(self, version: str) -> bool:
        """Whether a tag has the name of this version, even a tag that is not of the registry."""
        return str(RegistryTag(self.artifact.name, RegistryAction.REGISTER, version)) in self.taken

    @property
    def _last_number(self) -> int:
        """The highest number of a tag of the artifact. As for GTO, stages and versions count together."""
        parsed = (RegistryTag.parse(name) for name in self.taken)
        return max((one.number or 0 for one in parsed if one is not None), default=0)


def tag_time(artifact: RegisteredArtifact, now: int) -> int:
    """The time of a new tag: after the last event, also if the clock of another machine was ahead.

    So the order by time, by which GTO reads tags, is the order in which they were made.
    """
    last = artifact.events[-1].time if artifact.events else 0
    return max(now, last + 1)


def check_artifact(name: str) -> str:
    """`name` as an artifact. Raises UsageError if no artifact can have it."""
    if not is_artifact_name(name):
        raise UsageError(
            f"invalid artifact name {name!r}",
            why="names consist of letters, digits, `-`, `_` and `/`, with a letter or a digit at both ends",
            fix="choose such a name; with the directory of its dver.yaml, it is `dir:NAME`",
        )
    return name


def check_stage(name: str) -> str:
    """`name` as a stage of the registry. Raises UsageError if no stage can have it."""
    if not is_stage_name(name):
        raise UsageError(
            f"invalid stage {name!r}",
            why="names consist of letters, digits, `-`, `_` and `/`, with a letter or a digit at both ends",
            fix="choose such a name, like prod",
        )
    return name


def split_name(name: str, version: str | None) -> tuple[str, str | None]:
    """The artifact and the version that a command line names: `churn v1.0.0`, `churn@v1.0.0` or `churn '#dev'`.

    The version is `v1.0.0`, `@latest` or `#dev`; None if there is none. Raises UsageError.
    """
    artifact, separator = name, ""
    for mark in "@#":
        head, found, rest = name.partition(mark)
        if found:
            artifact, separator = head, f"{mark}{rest}"
            break
    if separator and version is not None:
        raise UsageError(f"{name!r} and {version!r} name two versions", fix="leave one of them out")
    return check_artifact(artifact.replace("=", ":")), separator or version


def selected_version(artifact: RegisteredArtifact, version: str | None) -> ArtifactVersion:
    """The version that a text of `split_name` selects; the latest one by default. Raises UsageError."""
    text = version or "@latest"
    reference = ArtifactReference.parse(artifact.name + (text if text[0] in "@#" else f"@{text}"))
    return find_version(artifact, reference)


def readable_details(event: RegistryEvent) -> TagDetails:
    """The details of a tag; empty if another program or a newer dver wrote them in a way that this one cannot read."""
    try:
        return event.details
    except CorruptError:
        return TagDetails()


def registration_of(version: ArtifactVersion) -> tuple[RegistryEvent, ...]:
    """The registration of `version`, if it has one."""
    return (version.registration,) if version.registration is not None else ()


def no_current_version(artifact: RegisteredArtifact, stage: str) -> UsageError:
    """The error for a stage without a version."""
    known = join_limited(list(artifact.stages)) if artifact.stages else "none"
    return UsageError(
        f"no version of {artifact.name!r} is in stage {stage!r}",
        why=f"stages with a version: {known}",
        fix=f"see its history: dver model history {quoted(artifact.name)}",
    )
