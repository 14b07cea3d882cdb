"""What one registered version is: its tag, its definition in `dver.yaml`, and where its data is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dver.core.display import Displayed
from dver.core.errors import CorruptError, DverError
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.formats.registry_tag import TagDetails
from dver.git.git_repo import CommitId
from dver.git.registry.state import ArtifactVersion
from dver.models.artifact import Artifact
from dver.models.definitions import definition_at
from dver.models.version_data import VersionDataReader, VersionDataState
from dver.repo import Repository


@dataclass(frozen=True, slots=True, repr=False)
class VersionDescription(Displayed):
    """One version: what its tag records, and how its commit defines the artifact."""

    version: str
    commit: CommitId
    time: int | None
    author: str
    stages: tuple[str, ...]
    tag: str | None
    """The tag that registers it."""
    message: str
    path: str | None
    """Relative to the top of the Git repository; None if neither the tag nor a `dver.yaml` has it."""
    type: str | None
    desc: str | None
    labels: tuple[str, ...]
    meta: Any
    content: Oid | None
    """The object that was registered; None if Git tracks the file."""
    size: int | None
    data: VersionDataState
    """Where the data is, without a query of remotes."""
    data_fix: str | None
    """The command that gets data which is not here."""
    metrics: Mapping[str, float]
    lineage: str | None
    experiment: str | None
    checks: Mapping[str, Any]
    """The results of checks of its data that the tag records; empty without any."""
    problems: tuple[DverError, ...]
    """What could not be read."""


def describe_version(repo: Repository, artifact: str, version: ArtifactVersion) -> VersionDescription:
    """What the tag of a version of `artifact` records, how its commit defines it, and where its data is."""
    problems: list[DverError] = []
    event = version.registration
    details = TagDetails()
    try:
        if event is not None:
            details = event.details
    except CorruptError as error:
        problems.append(error)
    defined = _definition(repo, artifact, version, problems)
    definition = defined.definition if defined is not None else None
    path = details.path or (defined.path if defined is not None else None)
    data = VersionDataReader(repo).read(version.commit, path, details.content)
    if data.error is not None:
        problems.append(data.error)
    return VersionDescription(
        version.version,
        version.commit,
        event.time if event is not None else None,
        event.author if event is not None else "",
        version.stages,
        str(event.tag) if event is not None else None,
        event.message if event is not None else "",
        path,
        details.type or (definition.type if definition is not None else None),
        definition.desc if definition is not None else None,
        definition.labels if definition is not None else (),
        definition.meta if definition is not None else None,
        details.content or data.oid,
        details.size if details.size is not None else data.size,
        data.state,
        _fix_of(repo, data.state, f"{artifact}@{version.version}" if event is not None else version.version, path),
        details.metrics,
        details.lineage,
        details.experiment,
        details.checks,
        tuple(problems),
    )


def _fix_of(repo: Repository, state: VersionDataState, rev: str, path: str | None) -> str | None:
    match state:
        case VersionDataState.MISSING | VersionDataState.REMOTE if path is not None:
            if not repo.config.remote_names:
                return "dver remote add --default NAME URL"
            return f"dver fetch --rev {quoted(rev)} {quoted(repo.layout.shown(os.fsencode(path)))}"
        case VersionDataState.MOVED | VersionDataState.NO_COMMIT:
            return "dver model doctor"
        case _:
            return None


def _definition(repo: Repository, name: str, version: ArtifactVersion, problems: list[DverError]) -> Artifact | None:
    """The artifact as the `dver.yaml` of the version's commit defines it."""
    try:
        return definition_at(repo.git, version.commit, name)
    except DverError as error:
        problems.append(error)
        return None
