"""The training data of a registered version, by its lineage."""

from __future__ import annotations

from dataclasses import dataclass

from dver.core.display import Displayed
from dver.git.git_repo import CommitId
from dver.git.registry.references import ArtifactReference, find_artifact, find_version
from dver.models.card.version_facts import read_facts
from dver.pipelines.training_input import training_input, unknown_training_data
from dver.repo import Repository


@dataclass(frozen=True, slots=True, repr=False)
class TrainingData(Displayed):
    """The data that a version of a model was trained on."""

    model: str
    """Such as `churn@v1.2.0`."""
    commit: CommitId
    path: str
    """Relative to the top of the Git worktree."""


def training_data(
    repo: Repository, reference: str, *, path: str | None = None, preferred: str | None = None
) -> TrainingData:
    """The training data of `NAME`, `NAME@VERSION` or `NAME#STAGE`: see `training_input`.

    Raises UsageError if the version or the input is not known, RepositoryError if this clone does not have the commit.
    """
    parsed = ArtifactReference.parse(reference)
    version = find_version(find_artifact(repo.git, parsed.artifact), parsed)
    facts = read_facts(repo, version)
    name = f"{version.artifact}@{version.version}"
    if facts.lineage is None:
        for problem in facts.problems:
            raise problem.error
        why = f"no stage made {facts.path!r}" if facts.path else "no dver.yaml names its path"
        raise unknown_training_data(name, why)
    return TrainingData(name, version.commit, training_input(facts.lineage, name, path, preferred=preferred))
