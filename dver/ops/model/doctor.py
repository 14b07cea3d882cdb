"""`dver model doctor`: check the tags of the registry, and that the data of versions exists."""

from __future__ import annotations

from collections.abc import Iterator

from dver.core.phrasing import count
from dver.core.progress import SILENT, Progress
from dver.git.registry.events import read_registry_tags
from dver.git.registry.state import RegisteredArtifact, registry_state
from dver.git.remotes.registry_tags import tag_names
from dver.maintenance.project_checks import Diagnosis, Finding, Level, run_check
from dver.maintenance.registry_checks import check_artifact, check_similar_names, check_unusable
from dver.maintenance.registry_clone_checks import check_clone, check_git_remote, compared_git_remote
from dver.maintenance.registry_data_checks import check_data, versions_to_check
from dver.repo import Repository


def model_doctor(
    repo: Repository, *, everything: bool = False, offline: bool = False, progress: Progress = SILENT
) -> Diagnosis:
    """Check the tags, and the data of the versions in use: the latest ones and those in stages.

    With `everything`, the data of all versions. Asks the Git remote and the remotes of data unless `offline`. Changes
    nothing. Raises RepositoryError if Git cannot list its tags.
    """
    return Diagnosis(tuple(_findings(repo, everything, offline, progress)))


def _findings(repo: Repository, everything: bool, offline: bool, progress: Progress) -> Iterator[Finding]:
    tags = read_registry_tags(repo.git)
    state = registry_state(tags.events)
    remote = compared_git_remote(repo.git)
    yield _tags_finding(state, remote)
    yield from check_unusable(tags.unusable, remote)
    yield from check_similar_names(tag_names(repo.git))
    for artifact in state.values():
        yield from check_artifact(artifact)
    yield from run_check("clone", lambda: check_clone(repo.git, state.values(), offline=offline))
    if remote is not None and not offline:
        yield from run_check("remote", lambda: check_git_remote(repo.git, remote))
    versions = [one for artifact in state.values() for one in versions_to_check(artifact, everything=everything)]
    yield from run_check("data", lambda: check_data(repo, versions, offline=offline, progress=progress))


def _tags_finding(state: dict[str, RegisteredArtifact], remote: str | None) -> Finding:
    if not state:
        fix = "git fetch --tags" if remote is not None else "dver model register NAME"
        return Finding(Level.WARNING, "tags", "this clone has no tags of the registry", fix)
    events = sum(len(one.events) for one in state.values())
    return Finding(Level.OK, "tags", f"{count(events, 'tag')} of {count(len(state), 'model')}")
