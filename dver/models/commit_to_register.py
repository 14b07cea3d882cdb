"""A commit whose artifacts are registered: their places, content, details, and the plans of their tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

from dver.core.errors import DverError
from dver.core.progress import SILENT, Progress
from dver.formats.registry_tag import TagDetails
from dver.git.git_repo import CommitId
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact
from dver.models.artifact import Artifact
from dver.models.artifact_content import CommitContents
from dver.models.artifacts import artifacts_of
from dver.models.planned_tags import KnownTags, PlannedTag, readable_details
from dver.models.registered_paths import ArtifactPlace
from dver.models.registration_details import DetailsReader
from dver.models.registration_plan import RegistrationRequest, plan_registration
from dver.models.version_checks import VersionChecks, version_checks
from dver.models.version_choice import NEXT, VersionChoice
from dver.pipelines.compare.compared_versions import ReadProblem, Side, open_sides
from dver.repo import Repository


@dataclass
class CommitToRegister:
    """The commit of `side`."""

    repo: Repository
    side: Side
    commit: CommitId
    experiment: str | None = None
    """The name of the experiment that the commit belongs to."""
    problems: list[ReadProblem] = field(default_factory=list)
    """Files that could not be read."""
    progress: Progress = SILENT
    _checks: dict[str, VersionChecks] = field(default_factory=dict)

    @cached_property
    def artifacts(self) -> Mapping[str, Artifact]:
        """The artifacts of its `dver.yaml` files, by name."""
        return artifacts_of(self.side, self.problems)

    @cached_property
    def contents(self) -> CommitContents:
        return CommitContents(self.repo, self.commit, self.side.name)

    def plan(
        self, place: ArtifactPlace, choice: VersionChoice = NEXT, message: str | None = None
    ) -> Callable[[KnownTags], PlannedTag]:
        """The plan that registers the artifact at `place`. Raises the errors of `CommitContents.at`."""
        content = self.contents.at(place.path)
        recorded = self._details.read(content, kind=place.kind, experiment=self.experiment)
        self.problems += recorded.problems
        details = replace(recorded.details, checks=self.checks(place).recorded)
        request = RegistrationRequest(self.commit, details, choice.version, choice.part, message)

        def plan(known: KnownTags) -> PlannedTag:
            unchanged = choice.version is None and self.is_unchanged(known.artifact, place)
            return plan_registration(known, request, unchanged=unchanged)

        return plan

    def is_unchanged(self, registered: RegisteredArtifact, place: ArtifactPlace) -> bool:
        """Whether the latest version of the artifact has the same content as this commit."""
        latest = registered.latest
        if latest is None:
            return False
        return (
            latest.commit == self.commit
            or self.registered_identity(latest, place) == self.contents.at(place.path).identity
        )

    def registered_identity(self, latest: ArtifactVersion, place: ArtifactPlace) -> str | None:
        """The identity of the content of a version; None if it cannot be read any more."""
        details = readable_details(latest.registration) if latest.registration is not None else TagDetails()
        if details.content is not None:
            return str(details.content)
        contents = CommitContents(self.repo, latest.commit, latest.version)
        try:
            return contents.at(details.path or self._path_in(latest) or place.path).identity
        except DverError:
            return None

    def _path_in(self, latest: ArtifactVersion) -> str | None:
        with open_sides(self.repo, [(latest.version, latest.commit)]) as (side,):
            found = artifacts_of(side, []).get(latest.artifact)
        return found.path if found is not None else None

    def checks(self, place: ArtifactPlace) -> VersionChecks:
        """The checks of the data of the artifact at `place`."""
        if place.path not in self._checks:
            stages = self._details.stages
            self._checks[place.path] = version_checks(self.repo, self.commit, stages, place.path, self.progress)
        return self._checks[place.path]

    @cached_property
    def _details(self) -> DetailsReader:
        return DetailsReader.of(self.repo, self.side, self.commit)


@contextmanager
def open_commit(
    repo: Repository, rev: str, commit: CommitId, *, experiment: str | None = None, progress: Progress = SILENT
) -> Iterator[CommitToRegister]:
    """Open `commit`, which the user named `rev`, to register artifacts of it."""
    with open_sides(repo, [(rev, commit)]) as (side,):
        yield CommitToRegister(repo, side, commit, experiment, progress=progress)
