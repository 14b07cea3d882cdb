"""What a registration records about an artifact: its content, metrics and lineage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import DverError
from dver.formats.lock import LockedStage
from dver.formats.registry_tag import TagDetails
from dver.git.git_repo import CommitId
from dver.models.artifact_content import ArtifactContent
from dver.models.related_metrics import related_metrics
from dver.pipelines.compare.compared_versions import FileMissingError, ReadProblem, Side
from dver.pipelines.definition.param_files import flatten, is_number, parse_metrics
from dver.pipelines.engine.graph import Address
from dver.pipelines.lineage import lineage_digest, locked_stages, upstream_stages
from dver.repo import Repository

_MOST_METRICS: Final = 200
"""The largest number of metrics in a tag."""


@dataclass(frozen=True, slots=True, repr=False)
class RegistrationDetails(Displayed):
    """The details of a tag, and the metrics files that could not be read."""

    details: TagDetails
    problems: tuple[ReadProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class DetailsReader:
    """Reads details of the artifacts of one commit; its lock files are read once."""

    side: Side
    stages: Mapping[Address, LockedStage]

    @classmethod
    def of(cls, repo: Repository, side: Side, commit: CommitId) -> DetailsReader:
        """Read the lock files of `commit`, which is that of `side`. Raises the errors of reading them."""
        return cls(side, locked_stages(repo, commit))

    def read(self, content: ArtifactContent, *, kind: str | None, experiment: str | None = None) -> RegistrationDetails:
        """The details of the artifact with this content. `kind` is its type in `dver.yaml`."""
        upstream = upstream_stages(self.stages, content.path)
        problems: list[ReadProblem] = []
        details = TagDetails(
            path=content.path,
            content=content.oid,
            size=content.size,
            type=kind,
            metrics=self._metrics(content.path, problems),
            lineage=lineage_digest(upstream) if upstream else None,
            experiment=experiment,
        )
        return RegistrationDetails(details, tuple(problems))

    def _metrics(self, path: str, problems: list[ReadProblem]) -> dict[str, float]:
        """The metrics that belong to the artifact at `path`."""
        found: dict[str, float] = {}
        for file in related_metrics(self.side, self.stages, path, problems).keys:
            found |= {f"{file}:{key}": value for key, value in self._values(file, problems).items()}
        return dict(list(found.items())[:_MOST_METRICS])

    def _values(self, path: str, problems: list[ReadProblem]) -> dict[str, float]:
        found: dict[str, Any] = {}
        try:
            for file in self.side.below(path) or [path]:
                found.update(flatten(parse_metrics(self.side.read(file), os.path.basename(file))))
        except FileMissingError:
            return {}
        except DverError as error:
            problems.append(ReadProblem(self.side.name, path, error))
        return {key: value for key, value in found.items() if is_number(value) and _is_finite(value)}


def _is_finite(value: float) -> bool:
    return abs(value) < float("inf")
