"""Which tags assign versions to stages of the registry, and take them out again. Pure."""

from __future__ import annotations

from dataclasses import replace

from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.formats.registry_tag import RegistryAction, RegistryTag, TagDetails
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact, stage_events
from dver.models.planned_tags import (
    KnownTags,
    PlannedTag,
    check_stage,
    no_current_version,
    readable_details,
    registration_of,
    selected_version,
)


def plan_assignment(known: KnownTags, stage: str, version: str | None, message: str | None = None) -> PlannedTag:
    """The tag that makes a version the current one of `stage`; by default the latest version.

    If it is the current one already, the plan is its tag. Raises UsageError.
    """
    artifact = known.artifact
    chosen = selected_version(artifact, version)
    current = artifact.stages.get(check_stage(stage))
    planned = _planned(known, RegistryAction.ASSIGN, stage, chosen, message)
    if current is not None and current.version == chosen.version:
        event = current.event
        return replace(planned, tag=event.tag, message=event.message, details=readable_details(event), existing=event)
    return planned


def plan_unassignment(known: KnownTags, stage: str, version: str | None, message: str | None = None) -> PlannedTag:
    """The tag that takes a version out of `stage`; by default its current version. Raises UsageError."""
    artifact = known.artifact
    if version is None:
        current = artifact.stages.get(check_stage(stage))
        if current is None:
            selected_version(artifact, None)  # raises the error for an unknown artifact
            raise no_current_version(artifact, stage)
        version = current.version
        chosen = next(one for one in artifact.versions if one.version == version)
    else:
        chosen = selected_version(artifact, version)
    if chosen.version not in _assigned_versions(artifact, check_stage(stage)):
        raise UsageError(
            f"{artifact.name} {chosen.version} is not in stage {stage!r}",
            why="it was never assigned, or was taken out",
            fix=f"see its history: dver model history {quoted(artifact.name)}",
        )
    return _planned(known, RegistryAction.UNASSIGN, stage, chosen, message)


def plan_rollback(known: KnownTags, stage: str, message: str | None = None) -> PlannedTag:
    """The tag that assigns the version before the current one of `stage`. Raises UsageError if there is none."""
    artifact = known.artifact
    current = artifact.stages.get(check_stage(stage))
    if current is None:
        selected_version(artifact, None)  # raises the error for an unknown artifact
        raise no_current_version(artifact, stage)
    earlier = earlier_version(artifact, stage)
    if earlier is None:
        raise UsageError(
            f"stage {stage!r} of {artifact.name!r} had no version before {current.version}",
            why="versions that were removed, and those that a rollback took out, do not count",
            fix=f"choose one for `dver model assign`: dver model history {quoted(artifact.name)}",
        )
    text = f"Rolling back stage {stage} of artifact {artifact.name} from {current.version} to {earlier.version}"
    return _planned(known, RegistryAction.ASSIGN, stage, earlier, message or text)


def earlier_version(artifact: RegisteredArtifact, stage: str) -> ArtifactVersion | None:
    """The active version that was in `stage` before the current one.

    A version that comes back ends the use of those assigned after it. So a second rollback goes further back, and never
    to the version that the first one took out.
    """
    used: list[str] = []
    for event, version in stage_events(artifact, stage):
        if event.tag.action is RegistryAction.UNASSIGN:
            used = [one for one in used if one != version]
        elif version in used:
            used = used[: used.index(version) + 1]
        else:
            used.append(version)
    current = artifact.stages.get(stage)
    if current is None or current.version not in used:
        return None
    active = {one.version: one for one in artifact.versions if one.is_active}
    before = [one for one in used[: used.index(current.version)] if one in active]
    return active[before[-1]] if before else None


def _assigned_versions(artifact: RegisteredArtifact, stage: str) -> set[str]:
    """The versions whose last event in `stage` is an assignment. GTO keeps those before the current one, too."""
    last = {version: event.tag.action for event, version in stage_events(artifact, stage)}
    return {version for version, action in last.items() if action is RegistryAction.ASSIGN}


def _planned(
    known: KnownTags, action: RegistryAction, stage: str, version: ArtifactVersion, message: str | None
) -> PlannedTag:
    artifact = known.artifact.name
    verb, to = ("Assigning", "to") if action is RegistryAction.ASSIGN else ("Unassigning", "from")
    text = message or f"{verb} stage {stage} {to} artifact {artifact} version {version.version}"
    tag = known.free(RegistryTag(artifact, action, stage=stage))
    number = version.version if version.registration is not None else None
    return PlannedTag(tag, version.commit, text, TagDetails(version=number), number, requires=registration_of(version))
