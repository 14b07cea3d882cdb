"""The state of the registry, computed from its events by GTO's rules. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError, NewerVersionError
from dver.formats.registry_tag import RegistryAction
from dver.formats.semantic_version import SemanticVersion
from dver.git.git_repo import CommitId
from dver.git.registry.events import RegistryEvent

_OF_VERSIONS: Final = (RegistryAction.REGISTER, RegistryAction.DEREGISTER)


@dataclass(frozen=True, slots=True, repr=False)
class ArtifactVersion(Displayed):
    """A version of an artifact."""

    artifact: str
    version: str
    """Such as `v1.2.0`; the commit, if a stage was assigned to a commit that has no version, as GTO allows."""
    commit: CommitId
    registration: RegistryEvent | None
    """None for a commit without a version."""
    removed: RegistryEvent | None = None
    """The last deregistration, unless the version was registered again."""
    stages: tuple[str, ...] = ()
    """The stages that this version is the current one of, sorted."""

    @property
    def is_active(self) -> bool:
        """Whether the version is in the registry now."""
        return self.removed is None

    @property
    def semantic(self) -> SemanticVersion | None:
        """The version for comparisons; None for a commit without one."""
        return SemanticVersion.parse(self.version)


@dataclass(frozen=True, slots=True, repr=False)
class StageAssignment(Displayed):
    """The current version of a stage."""

    stage: str
    version: str
    commit: CommitId
    event: RegistryEvent


@dataclass(frozen=True, slots=True, repr=False)
class RegisteredArtifact(Displayed):
    """An artifact: a model or a dataset with its versions and stages."""

    name: str
    versions: tuple[ArtifactVersion, ...]
    """Active ones and removed ones, the highest first; commits without a version last."""
    stages: Mapping[str, StageAssignment] = field(default_factory=dict)
    deprecation: RegistryEvent | None = None
    """The last event, if it deprecates the artifact."""
    events: tuple[RegistryEvent, ...] = ()
    """Oldest first."""
    versions_of_events: tuple[str | None, ...] = ()
    """The version that each event is about, as in `versions`; None for a deprecation."""

    @property
    def latest(self) -> ArtifactVersion | None:
        """The highest version that is in the registry; a prerelease counts like any other version."""
        return next((one for one in self.versions if one.is_active and one.registration is not None), None)


def registry_state(events: Iterable[RegistryEvent]) -> dict[str, RegisteredArtifact]:
    """The artifacts of `events`, which are sorted, by name."""
    by_artifact: dict[str, list[RegistryEvent]] = {}
    for event in events:
        by_artifact.setdefault(event.tag.artifact, []).append(event)
    return {name: artifact_state(name, found) for name, found in sorted(by_artifact.items())}


def artifact_state(name: str, events: Sequence[RegistryEvent]) -> RegisteredArtifact:
    """The state of one artifact from its `events`, oldest first."""
    versions: dict[str, ArtifactVersion] = {}
    for event in events:
        if event.tag.action in _OF_VERSIONS and event.tag.version is not None:
            _add_version(versions, event, event.tag.version)
    of_events = _versions_of_events(name, versions, events)
    stages = _stages(versions, zip(events, of_events, strict=True))
    of_version: dict[str, list[str]] = {}
    for stage, current in stages.items():
        of_version.setdefault(current.version, []).append(stage)
    complete = [
        ArtifactVersion(
            one.artifact, one.version, one.commit, one.registration, one.removed, tuple(of_version.get(one.version, ()))
        )
        for one in reversed(versions.values())
    ]
    complete.sort(key=_rank, reverse=True)
    last = events[-1] if events else None
    return RegisteredArtifact(
        name,
        tuple(complete),
        stages,
        last if last is not None and last.tag.action is RegistryAction.DEPRECATE else None,
        tuple(events),
        tuple(of_events),
    )


def stage_events(artifact: RegisteredArtifact, stage: str) -> list[tuple[RegistryEvent, str]]:
    """The events of `stage`, oldest first, each with the version that it is about."""
    pairs = zip(artifact.events, artifact.versions_of_events, strict=True)
    return [(event, version) for event, version in pairs if event.tag.stage == stage and version is not None]


def _add_version(versions: dict[str, ArtifactVersion], event: RegistryEvent, version: str) -> None:
    known = versions.get(version)
    if event.tag.action is RegistryAction.REGISTER:
        versions[version] = ArtifactVersion(event.tag.artifact, version, event.commit, event)
    else:
        registered = known.registration if known else None
        commit = known.commit if known else event.commit
        versions[version] = ArtifactVersion(event.tag.artifact, version, commit, registered, removed=event)


def _versions_of_events(
    name: str, versions: dict[str, ArtifactVersion], events: Sequence[RegistryEvent]
) -> list[str | None]:
    """The version of each event. Adds versions for commits that have a stage and no version."""
    at_commit: dict[CommitId, list[ArtifactVersion]] = {}
    for one in versions.values():
        at_commit.setdefault(one.commit, []).append(one)
    found: list[str | None] = []
    for event in events:
        if event.tag.stage is None:
            found.append(event.tag.version)
            continue
        if event.commit not in at_commit:
            versions[event.commit] = ArtifactVersion(name, event.commit, event.commit, None)
            at_commit[event.commit] = [versions[event.commit]]
        found.append(_version_of(event, at_commit[event.commit]))
    return found


def _stages(
    versions: Mapping[str, ArtifactVersion], events: Iterable[tuple[RegistryEvent, str | None]]
) -> dict[str, StageAssignment]:
    """The current version of each stage: the one assigned last of those that were not unassigned since."""
    assigned: dict[tuple[str, str], RegistryEvent] = {}
    for event, version in events:
        stage = event.tag.stage
        if stage is None or version is None:
            continue
        assigned.pop((stage, version), None)
        if event.tag.action is RegistryAction.ASSIGN:
            assigned[stage, version] = event  # a dict keeps the order of assignments
    current = {
        stage: (version, event) for (stage, version), event in assigned.items() if versions[version].removed is None
    }
    return {
        stage: StageAssignment(stage, version, versions[version].commit, event)
        for stage, (version, event) in sorted(current.items())
    }


def _version_of(event: RegistryEvent, at_commit: Sequence[ArtifactVersion]) -> str:
    """The version that an assignment is about: the recorded one, or the last one of its commit at the time."""
    if len(at_commit) > 1:
        recorded = _recorded_version(event)
        if any(one.version == recorded for one in at_commit):
            return str(recorded)
        before = [one for one in at_commit if one.registration and one.registration.order <= event.order]
        return (before or at_commit)[-1].version
    return at_commit[0].version


def _rank(version: ArtifactVersion) -> tuple[object, ...]:
    """Sorts versions as GTO does. Of versions that differ in build metadata only, the one registered last is higher."""
    semantic = version.semantic
    return (True, semantic.precedence) if semantic is not None else (False, version.version)


def _recorded_version(event: RegistryEvent) -> str | None:
    """The version in the details of a tag; None if they are corrupt. Raises NewerVersionError."""
    try:
        return event.details.version
    except NewerVersionError:
        raise
    except CorruptError:
        return None
