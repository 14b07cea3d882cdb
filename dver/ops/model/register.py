"""`dver model register`: give versions to artifacts of a commit."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import DverError, RepositoryError
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.experiments.journal import Journal
from dver.experiments.selection import find_experiment
from dver.git import revisions
from dver.git.git_repo import CommitId
from dver.git.registry.references import read_artifact
from dver.git.scratch_index import tree_of
from dver.gitflow.registry_changes import ChangeOptions, RegistryChange, change_registry
from dver.models.commit_to_register import CommitToRegister, open_commit
from dver.models.registered_paths import ArtifactPlace, find_place, place_of
from dver.models.registration_plan import AlreadyRegisteredError
from dver.models.version_checks import refuse_failed
from dver.models.version_choice import NEXT, VersionChoice
from dver.pipelines.compare.compared_versions import ReadProblem
from dver.repo import Repository
from dver.tracking.targets import resolve_data_path

_HEAD: Final = "HEAD"
_SHORT: Final = 10
"""Digits of an abbreviated commit in messages."""


@dataclass(frozen=True, slots=True, repr=False)
class FailedRegistration(Displayed):
    """An artifact that could not be registered, with the error."""

    artifact: str
    error: DverError


@dataclass(frozen=True, slots=True, repr=False)
class RegistrationResult(Displayed):
    """The registered versions."""

    registered: tuple[RegistryChange, ...]
    unchanged: tuple[str, ...] = ()
    """Artifacts whose latest version has the same content."""
    failed: tuple[FailedRegistration, ...] = ()
    problems: tuple[ReadProblem, ...] = ()
    """Metrics files and `dver.yaml` files that could not be read."""
    uncommitted: tuple[str, ...] = ()
    """Registered artifacts that have other content in the workspace."""


@dataclass(frozen=True, slots=True)
class RegistrationSource:
    """The commit to register: of an experiment, else of `rev`, else HEAD."""

    rev: str | None = None
    experiment: str | None = None
    require_checks: bool = False
    """Whether failed critical checks of its data refuse a version."""


def register(
    repo: Repository,
    name: str,
    choice: VersionChoice,
    source: RegistrationSource,
    options: ChangeOptions,
    *,
    path: str | None = None,
    cwd: Path,
    progress: Progress = SILENT,
) -> RegistrationResult:
    """Register a version of the artifact `name`, which is at `path` if no `dver.yaml` names it.

    Raises AlreadyRegisteredError if the commit or its content has a version and none is chosen, UsageError for an
    unknown artifact, ConflictError for a version of another commit, FailedChecksError for data that fails checks which
    `source` requires, and the errors of `change_registry`.
    """
    given = None if path is None else os.fsdecode(resolve_data_path(repo, path, cwd))
    rev, commit = _commit(repo, source)
    with open_commit(repo, rev, commit, experiment=source.experiment, progress=progress) as found:
        place = find_place(read_artifact(repo.git, name), found.artifacts, given, found.problems)
        _require_checks(found, source, place)
        plan = found.plan(place, choice, options.message)
        try:
            change = change_registry(repo, name, plan, options, progress)
        except AlreadyRegisteredError as error:
            if _is_uncommitted(found, source, place):
                raise _not_committed(name, error) from error
            raise
        return _result(found, source, [place], [change])


def register_changed(
    repo: Repository,
    names: Iterable[str],
    source: RegistrationSource,
    options: ChangeOptions,
    *,
    progress: Progress = SILENT,
) -> RegistrationResult:
    """Register the next version of each artifact of `dver.yaml` whose content differs from its latest version.

    With `names`, only of those. Errors of single artifacts are in the result. Raises UsageError for an unknown name.
    """
    rev, commit = _commit(repo, source)
    with open_commit(repo, rev, commit, experiment=source.experiment, progress=progress) as found:
        chosen = [find_place(read_artifact(repo.git, name), found.artifacts, None, found.problems) for name in names]
        places = chosen or [place_of(one) for one in found.artifacts.values()]
        done: list[tuple[ArtifactPlace, RegistryChange]] = []
        unchanged: list[str] = []
        failed: list[FailedRegistration] = []
        for place in places:
            try:
                if found.is_unchanged(read_artifact(repo.git, place.name), place):
                    unchanged.append(place.name)
                    continue
                _require_checks(found, source, place)
                plan = found.plan(place, NEXT, options.message)
                done.append((place, change_registry(repo, place.name, plan, options, progress)))
            except AlreadyRegisteredError:  # meanwhile, in another clone
                unchanged.append(place.name)
            except DverError as error:
                failed.append(FailedRegistration(place.name, error))
        result = _result(found, source, [place for place, _ in done], [change for _, change in done])
    return RegistrationResult(result.registered, tuple(unchanged), tuple(failed), result.problems, result.uncommitted)


def _require_checks(found: CommitToRegister, source: RegistrationSource, place: ArtifactPlace) -> None:
    if source.require_checks:
        refuse_failed(found.repo, place.name, found.checks(place))


def _result(
    found: CommitToRegister,
    source: RegistrationSource,
    places: Iterable[ArtifactPlace],
    changes: Iterable[RegistryChange],
) -> RegistrationResult:
    uncommitted = [one.name for one in places if _is_uncommitted(found, source, one)]
    return RegistrationResult(tuple(changes), problems=tuple(found.problems), uncommitted=tuple(uncommitted))


def _is_uncommitted(found: CommitToRegister, source: RegistrationSource, place: ArtifactPlace) -> bool:
    """Whether the workspace has other content than HEAD, which is registered."""
    is_head = source.experiment is None and source.rev in (None, _HEAD)
    return is_head and not found.contents.is_as_in_worktree(place.path)


def _not_committed(name: str, error: AlreadyRegisteredError) -> AlreadyRegisteredError:
    return AlreadyRegisteredError(
        error.what,
        why="its new content is not committed",
        fix=f"git commit -a && dver model register {quoted(name)}",
    )


def _commit(repo: Repository, source: RegistrationSource) -> tuple[str, CommitId]:
    """The commit to register, as the user named it and by its id."""
    if source.experiment is None:
        rev = source.rev or _HEAD
        return rev, revisions.resolve(repo.git, rev)
    with Journal(repo) as journal:
        found = find_experiment(journal.all(), source.experiment, is_own=journal.is_own, removed=journal.removed)
    if not tree_of(repo.git, [found.commit]):
        raise RepositoryError(
            f"the commit of {found.name!r} is not in this clone",
            why=f"Git does not have {found.commit}",
            fix=f"dver exp pull {quoted(found.name)}",
        )
    return found.commit[:_SHORT], CommitId(found.commit)
