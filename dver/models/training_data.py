"""The training data of a registered version, by its lineage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.phrasing import join_limited, quoted
from dver.git.git_repo import CommitId
from dver.git.registry.references import ArtifactReference, find_artifact, find_version
from dver.git.registry.state import ArtifactVersion
from dver.models.card.version_facts import read_facts
from dver.pipelines.lineage import InputOrigin, Lineage, LineageInput
from dver.profiles.tables import is_profiled_table
from dver.repo import Repository

_DATA: tuple[InputOrigin, ...] = (InputOrigin.STAGE, InputOrigin.POINTER)


@dataclass(frozen=True, slots=True, repr=False)
class TrainingData(Displayed):
    """The data that a version of a model was trained on."""

    model: str
    """Such as `churn@v1.2.0`."""
    commit: CommitId
    path: str
    """Relative to the top of the Git worktree."""


def training_data(repo: Repository, reference: str, *, path: str | None = None) -> TrainingData:
    """The training data of `NAME`, `NAME@VERSION` or `NAME#STAGE`: the input of the stage that made the model.

    `path`, relative to the top of the Git worktree, selects one of several inputs; it may be any input of the stages
    before, too. Raises UsageError if the version or the input is not known, RepositoryError if this clone does not
    have the commit.
    """
    parsed = ArtifactReference.parse(reference)
    version = find_version(find_artifact(repo.git, parsed.artifact), parsed)
    facts = read_facts(repo, version)
    name = f"{version.artifact}@{version.version}"
    if facts.lineage is None:
        for problem in facts.problems:
            raise problem.error
        raise UsageError(
            f"the training data of {name} is not known",
            why=f"no stage made {facts.path!r}" if facts.path else "no dver.yaml names its path",
            fix=f"name the data: --reference PATH@{quoted(name)}",
        )
    return TrainingData(name, version.commit, _selected(version, facts.lineage, path))


def _selected(version: ArtifactVersion, lineage: Lineage, path: str | None) -> str:
    known = [source.place for step in lineage.stages for source in step.sources]
    if path is not None:
        if path in known:
            return path
        raise UsageError(
            f"{path!r} is not an input of {version.artifact}@{version.version}",
            why=f"its inputs are {join_limited(known, 10)}",
            fix="name one of them with --input",
        )
    found = _data_inputs(lineage.stages[0].sources)
    if len(found) == 1:
        return found[0]
    stage = lineage.stages[0].address
    why = f"stage {stage} reads {join_limited(found, 10)}" if found else f"stage {stage} reads no data"
    raise UsageError(
        f"the training data of {version.artifact}@{version.version} is not clear",
        why=why,
        fix=f"name it: --input {quoted((found or known or ['PATH'])[0])}",
    )


def _data_inputs(sources: Sequence[LineageInput]) -> list[str]:
    """The inputs that are data: tables if there are any, or else all that dver tracks."""
    tables = [one.place for one in sources if is_profiled_table(one.place)]
    return tables or [one.place for one in sources if one.origin in _DATA]
