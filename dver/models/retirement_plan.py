"""Which tags remove a version from the registry, and deprecate an artifact. Pure."""

from __future__ import annotations

from dver.core.errors import ConflictError, UsageError
from dver.core.phrasing import join_limited, quoted
from dver.formats.registry_tag import RegistryAction, RegistryTag, TagDetails
from dver.git.registry.references import ArtifactReference, find_version
from dver.models.planned_tags import KnownTags, PlannedTag, readable_details, registration_of, selected_version


def plan_deregistration(known: KnownTags, version: str | None, message: str | None = None) -> PlannedTag:
    """The tag that removes a version from the registry.

    Raises UsageError for an unknown version, ConflictError for the current version of a stage.
    """
    artifact = known.artifact
    if version is None:
        raise UsageError(
            f"no version of {artifact.name!r} is named",
            why="a version is removed only by its name",
            fix=f"such as: dver model deregister {quoted(artifact.name)} v1.0.0",
        )
    chosen = selected_version(artifact, version)
    if chosen.registration is None:
        raise UsageError(
            f"commit {chosen.version[:10]} of {artifact.name!r} has no version",
            why="it was assigned to a stage without one",
            fix=f"list versions: dver model show {quoted(artifact.name)}",
        )
    if chosen.stages:
        stage = chosen.stages[0]
        raise ConflictError(
            f"{artifact.name} {chosen.version} is in stage {join_limited(list(chosen.stages))}",
            why="the stage would lose its version",
            fix=f"dver model unassign {quoted(artifact.name)} {quoted(stage)} {chosen.version}",
        )
    tag = known.free(RegistryTag(artifact.name, RegistryAction.DEREGISTER, chosen.version))
    text = message or f"Deregistering artifact {artifact.name} version {chosen.version}"
    return PlannedTag(tag, chosen.commit, text, TagDetails(), chosen.version, requires=registration_of(chosen))


def plan_deprecation(known: KnownTags, message: str | None = None) -> PlannedTag:
    """The tag that deprecates an artifact; the existing one if it is deprecated. Raises UsageError."""
    artifact, event = known.artifact, known.artifact.deprecation
    if event is not None:
        return PlannedTag(event.tag, event.commit, event.message, readable_details(event), existing=event)
    if not artifact.events:
        find_version(artifact, ArtifactReference(artifact.name))  # raises the error for an unknown artifact
    tag = known.free(RegistryTag(artifact.name, RegistryAction.DEPRECATE))
    latest = artifact.latest
    commit = latest.commit if latest is not None else artifact.events[-1].commit
    text = message or f"Deprecating artifact {artifact.name}"
    return PlannedTag(tag, commit, text, TagDetails(), requires=registration_of(latest) if latest else ())
