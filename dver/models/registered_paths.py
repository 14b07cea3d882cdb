"""Where the artifacts of a commit are: by `dver.yaml`, by the user, or by their last registration. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.git.registry.state import RegisteredArtifact
from dver.models.artifact import Artifact
from dver.models.planned_tags import readable_details
from dver.pipelines.compare.compared_versions import ReadProblem


@dataclass(frozen=True, slots=True)
class ArtifactPlace:
    """An artifact to register, its path from the top of the Git worktree, and its type in `dver.yaml`."""

    name: str
    path: str
    kind: str | None = None


def place_of(artifact: Artifact) -> ArtifactPlace:
    """The place of an artifact of `dver.yaml`."""
    return ArtifactPlace(artifact.name, artifact.path, artifact.definition.type)


def find_place(
    registered: RegisteredArtifact,
    defined: Mapping[str, Artifact],
    path: str | None,
    problems: Sequence[ReadProblem] = (),
) -> ArtifactPlace:
    """The place of an artifact: from `dver.yaml`, else `path`, else from its latest version.

    Raises UsageError if none of them says it, or if they contradict each other; if a `dver.yaml` cannot be read, the
    error of the first of `problems`.
    """
    name, artifact = registered.name, defined.get(registered.name)
    if artifact is not None:
        if path is not None and path != artifact.path:
            raise UsageError(
                f"{name!r} is at {artifact.path!r} by its dver.yaml, not at {path!r}",
                why="an artifact has one path",
                fix="leave out --path, or correct dver.yaml and commit it",
            )
        return place_of(artifact)
    if path is not None:
        return ArtifactPlace(name, path)
    latest = registered.latest
    details = readable_details(latest.registration) if latest is not None and latest.registration is not None else None
    if details is not None and details.path is not None:
        return ArtifactPlace(name, details.path, details.type)
    if problems:
        raise problems[0].error
    raise _unknown(name, defined)


def _unknown(name: str, defined: Mapping[str, Artifact]) -> UsageError:
    from difflib import get_close_matches  # only for this message

    same = [one for one in defined if one.endswith(f":{name}")]
    close = same or get_close_matches(name, list(defined), n=1)
    if close:
        return UsageError(f"no artifact {name!r} in dver.yaml", fix=f"did you mean {close[0]}?")
    return UsageError(
        f"no artifact {name!r} in dver.yaml",
        why="`artifacts:` of this commit does not have it",
        fix=f"add and commit it; or name its path: dver model register {quoted(name)} --path PATH",
    )
