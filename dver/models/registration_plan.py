"""Which tag registers a version of an artifact. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dver.core.errors import ConflictError
from dver.core.phrasing import quoted
from dver.formats.registry_tag import RegistryAction, RegistryTag, TagDetails
from dver.formats.semantic_version import FIRST_VERSION, SemanticVersion, VersionPart
from dver.git.git_repo import CommitId
from dver.git.registry.state import ArtifactVersion
from dver.models.planned_tags import KnownTags, PlannedTag, readable_details

_ZERO = SemanticVersion(0, 0, 0)


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """What to register. Without `version`, the next one; `part` is the part of the version to raise."""

    commit: CommitId
    details: TagDetails
    version: SemanticVersion | None = None
    part: VersionPart | None = None
    message: str | None = None


class AlreadyRegisteredError(ConflictError):
    """The commit or the content has a version."""


def plan_registration(known: KnownTags, request: RegistrationRequest, *, unchanged: bool = False) -> PlannedTag:
    """The tag that registers a version. `unchanged`: is the content the same as that of the latest version?

    Raises AlreadyRegisteredError, ConflictError for a version that another commit has.
    """
    if request.version is None:
        _refuse_second(known, request, unchanged=unchanged)
        version = next_version(known, request.part)
    else:
        version = str(request.version)
        found = _find(known, version)
        if found is not None and (found.commit != request.commit or found.is_active):
            return _registered(known, found, request)
    artifact = known.artifact.name
    tag = known.free(RegistryTag(artifact, RegistryAction.REGISTER, version))
    message = request.message or f"Registering artifact {artifact} version {version}"
    return PlannedTag(tag, request.commit, message, request.details, version)


def versions_of_commit(known: KnownTags, commit: CommitId) -> list[ArtifactVersion]:
    """The registered versions of `commit`."""
    found = known.artifact.versions
    return [one for one in found if one.commit == commit and one.is_active and one.registration is not None]


def _refuse_second(known: KnownTags, request: RegistrationRequest, *, unchanged: bool) -> None:
    artifact = known.artifact
    at_commit = versions_of_commit(known, request.commit)
    if not at_commit and not unchanged:
        return
    found = at_commit[0] if at_commit else artifact.latest
    assert found is not None
    raise AlreadyRegisteredError(
        f"{artifact.name!r} is already registered as {found.version}",
        why=f"commit {found.commit[:10]} has this version" if at_commit else "its content has not changed since",
        fix=f"to give it a second version, name it: dver model register {quoted(artifact.name)} "
        f"{next_version(known, request.part)}",
    )


def _registered(known: KnownTags, found: ArtifactVersion, request: RegistrationRequest) -> PlannedTag:
    """The plan for a version that exists. Raises ConflictError if it cannot name the commit of the request."""
    artifact, registration = known.artifact, found.registration
    if found.commit == request.commit and registration is not None:
        return PlannedTag(
            registration.tag,
            found.commit,
            registration.message,
            readable_details(registration),
            found.version,
            registration,
        )
    raise ConflictError(
        f"{artifact.name!r} has another version {found.version}",
        why=f"it names commit {found.commit[:10]}" + ("" if found.is_active else ", and was removed"),
        fix=f"choose another one: dver model register {quoted(artifact.name)} {next_version(known, request.part)}",
    )


def next_version(known: KnownTags, part: VersionPart | None = None) -> str:
    """The version after the latest one that no tag of the artifact has, also no removed version."""
    latest = known.artifact.latest
    semantic = latest.semantic if latest is not None else None
    if semantic is not None:
        found = semantic.next(part or VersionPart.PATCH)
    else:
        found = _ZERO.next(part) if part is not None else FIRST_VERSION
    while _find(known, str(found)) is not None or known.is_version_taken(str(found)):
        found = found.next(VersionPart.PATCH)
    return str(found)


def _find(known: KnownTags, version: str) -> ArtifactVersion | None:
    return next((one for one in known.artifact.versions if one.version == version), None)
