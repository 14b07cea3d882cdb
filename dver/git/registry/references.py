"""References to versions in the registry: `churn`, `churn@v1.2.0`, `churn@latest`, `churn#prod`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from dver.core.errors import UsageError
from dver.core.phrasing import join_limited, quoted
from dver.formats.registry_tag import is_artifact_name, is_stage_name
from dver.formats.semantic_version import SemanticVersion
from dver.git.git_repo import CommitId, GitRepo
from dver.git.registry.events import read_registry_tags
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact, artifact_state

LATEST: Final = frozenset(("latest", "greatest"))
"""The highest version; both words are GTO's."""
_REFERENCE: Final = re.compile(r"(?P<artifact>[^@#]+)(?:@(?P<version>[^@#]+)|#(?P<stage>[^@#]+))?")


@dataclass(frozen=True, slots=True)
class ArtifactReference:
    """A version of an artifact as the user names it; the latest one by default."""

    artifact: str
    version: str | None = None
    stage: str | None = None

    @classmethod
    def parse(cls, text: str) -> ArtifactReference:
        """Parse `NAME`, `NAME@VERSION`, `NAME@latest` or `NAME#STAGE`. Raises UsageError."""
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise _invalid(text)
        artifact, version, stage = found["artifact"].replace("=", ":"), found["version"], found["stage"]
        if not is_artifact_name(artifact) or (stage is not None and not is_stage_name(stage)):
            raise _invalid(text)
        if version in LATEST or version is None:
            return cls(artifact, None, stage)
        semantic = SemanticVersion.parse(version)
        if semantic is None:
            raise UsageError(
                f"invalid version {version!r} in {text!r}", why="it is not semantic", fix="write it as v1.2.3 or latest"
            )
        return cls(artifact, str(semantic), None)

    def __str__(self) -> str:
        if self.stage is not None:
            return f"{self.artifact}#{self.stage}"
        return f"{self.artifact}@{self.version or 'latest'}"


def reference_in(rev: str) -> ArtifactReference | None:
    """The reference that a revision may be, if it is no revision of Git; None for one such as `main@{7}`."""
    if "@" not in rev and "#" not in rev:
        return None
    try:
        return ArtifactReference.parse(rev)
    except UsageError:
        return None


def commit_of(git: GitRepo, rev: str, *, url: str | None = None) -> CommitId | None:
    """The commit of a revision that Git does not know, such as `churn@latest` or `churn#prod`.

    None if it names no artifact of the registry. Raises UsageError if the artifact has no such version or stage. `url`
    is the address of the repository that a mirror has the tags of.
    """
    reference = reference_in(rev)
    if reference is None:
        return None
    artifact = read_artifact(git, reference.artifact)
    return find_version(artifact, reference, url=url).commit if artifact.events else None


def read_artifact(git: GitRepo, name: str) -> RegisteredArtifact:
    """The state of one artifact. It has no versions if no tag names it."""
    return artifact_state(name, read_registry_tags(git, name).events)


def find_artifact(git: GitRepo, name: str) -> RegisteredArtifact:
    """The state of the artifact `name` of a clone. Raises UsageError with close matches if no tag names it."""
    if not is_artifact_name(name.replace("=", ":")):
        raise _invalid(name)
    found = read_artifact(git, name.replace("=", ":"))
    if found.events:
        return found
    known = {one.tag.artifact for one in read_registry_tags(git).events}
    if not known:
        raise UsageError(
            f"{name!r} is not in the registry",
            why="this clone has no tags of the registry",
            fix=f"get them with `git fetch --tags`, or register the first: dver model register {name}",
        )
    raise not_registered(name, None, known)


def _suggestion(name: str, known: Collection[str]) -> str:
    """The artifact of another directory with this name, or the one with the most similar name."""
    from difflib import get_close_matches  # takes 5 ms, and only errors need it

    same = sorted(one for one in known if one.rpartition(":")[2] == name)
    near = same[:1] or get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def find_version(
    artifact: RegisteredArtifact, reference: ArtifactReference, *, url: str | None = None
) -> ArtifactVersion:
    """The version that `reference` names. Raises UsageError with the versions or stages that exist.

    `url` is the address of the repository if it is not a clone of the user.
    """
    if not artifact.events:
        raise not_registered(artifact.name, url)
    if reference.stage is not None:
        current = artifact.stages.get(reference.stage)
        if current is None:
            raise _no_stage(artifact, reference.stage, url)
        return next(one for one in artifact.versions if one.version == current.version)
    if reference.version is None:
        if artifact.latest is None:
            raise UsageError(
                f"{artifact.name!r} has no version",
                why="none was registered, or all were removed",
                fix=_list_tags(artifact.name, url) or f"register one: dver model register {artifact.name}",
            )
        return artifact.latest
    found = next((one for one in artifact.versions if one.version == reference.version), None)
    if found is None or not found.is_active:
        raise _no_version(artifact, reference.version, url, removed=found is not None)
    return found


def not_registered(name: str, url: str | None, known: Collection[str] = ()) -> UsageError:
    """The error for an artifact without tags, in the repository `url` or in this clone. `known` are those with tags."""
    return UsageError(
        f"{name!r} is not in the registry" + (f" of {url}" if url else "") + _suggestion(name, known),
        why="no tag there names it" if url else "no tag of this clone names it",
        fix=_list_tags("", url) or "list artifacts with `dver model list --all`; get new tags with `git fetch --tags`",
    )


def _no_stage(artifact: RegisteredArtifact, stage: str, url: str | None) -> UsageError:
    known = join_limited(list(artifact.stages)) if artifact.stages else "none"
    return UsageError(
        f"no version of {artifact.name!r} is in stage {stage!r}",
        why=f"stages with a version: {known}",
        fix=_list_tags(artifact.name, url) or f"assign one: dver model assign {artifact.name} {stage}",
    )


def _no_version(artifact: RegisteredArtifact, version: str, url: str | None, *, removed: bool) -> UsageError:
    known = [one.version for one in artifact.versions if one.is_active and one.registration]
    return UsageError(
        f"{artifact.name!r} has no version {version}",
        why="it was removed from the registry"
        if removed
        else f"its versions: {join_limited(known) if known else 'none'}",
        fix=_list_tags(artifact.name, url)
        or f"list them with `dver model show {artifact.name}`; get new tags with `git fetch --tags`",
    )


def _list_tags(name: str, url: str | None) -> str | None:
    """The command that lists the tags of an artifact, or of all, in another repository."""
    if url is None:
        return None
    return f"list its tags: git ls-remote --tags {quoted(url)}" + (f" '{name.replace(':', '=')}[@#]*'" if name else "")


def _invalid(text: str) -> UsageError:
    return UsageError(
        f"invalid artifact {text!r}",
        why="names consist of letters, digits, `-`, `_` and `/`",
        fix="write NAME, NAME@v1.2.3, NAME@latest or NAME#stage; with a directory, `dir:NAME`",
    )
