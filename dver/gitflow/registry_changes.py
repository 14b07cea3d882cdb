"""Changes of the model registry: a tag is made in this clone, or pushed after the data of its commit."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import ConflictError, UsageError
from dver.core.phrasing import join_limited
from dver.core.progress import SILENT, Progress
from dver.formats.registry_tag import RegistryAction, TagDetails, encode_message
from dver.git.git_repo import CommitId, GitRepo
from dver.git.registry.events import RegistryEvent, read_registry_tags
from dver.git.registry.state import RegisteredArtifact, artifact_state
from dver.git.registry.writing import TagTakenError, make_tag_object, place_tag, tag_id
from dver.git.remotes.identity import git_remotes
from dver.git.remotes.outgoing import RefUpdate, new_commits
from dver.git.remotes.ref_exchange import RefMovedError
from dver.git.remotes.refs import ids_on_remote
from dver.git.remotes.tag_exchange import fetch_new_tags, push_new_tags, remote_tags
from dver.gitflow.push_data import NewPointerFile, all_pointer_files, new_files_of
from dver.gitflow.upload_data import UploadOptions, upload_data
from dver.models.planned_tags import KnownTags, PlannedTag, readable_details, tag_time
from dver.project.public_text import secret_filter
from dver.remote.transfer.push import UploadResult
from dver.repo import Repository
from dver.tracking.targets import is_at_or_below

_ATTEMPTS: Final = 40
"""How often a change begins again because another process took its tag."""
_PAUSE: Final = 0.1
"""The longest time in seconds between the first two attempts."""
_LONGEST_PAUSE: Final = 2.0


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """How the registry is changed. Without `push`, the tag stays in this clone."""

    push: bool = False
    git_remote: str | None = None
    """The Git remote to push to; by default the one that `git push` uses."""
    message: str | None = None
    """The message of the tag."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class RegistryChange(Displayed):
    """A tag of the registry, made or planned, and the state that it leads to."""

    artifact: str
    tag: str
    commit: CommitId
    version: str | None
    """The version that the tag registers, removes, assigns or unassigns; None if its commit has none."""
    stage: str | None
    details: TagDetails
    created: bool
    """Whether the tag is new. Otherwise a tag says the same."""
    dry_run: bool
    git_remote: str | None = None
    """The Git remote that has the tag now."""
    pushed: bool = False
    """Whether the tag was pushed. Otherwise the Git remote had it."""
    before: str | None = None
    """The version that was in the stage."""
    after: str | None = None
    """The version that is in the stage."""
    sharing: tuple[str, ...] = ()
    """Other versions of the registered or assigned commit. GTO reads no registry with stages of such a commit."""
    was_deprecated: bool = False
    """Whether the artifact was deprecated. The change makes it active again."""
    lost: tuple[str, ...] = ()
    """Tags that others pushed first while this one was made."""
    remotes: tuple[UploadResult, ...] = ()
    """The uploads of data."""
    needs: tuple[str, ...] = ()
    """The tag of the version's registration, without which this one has no meaning."""


def default_git_remote(git: GitRepo, name: str | None) -> str:
    """The Git remote `name`, or the one that `git push` uses. Raises UsageError if there is none."""
    remotes = git_remotes(git)
    found = name if name is not None else remotes.push
    if found in remotes.urls:
        return str(found)
    known = sorted(remotes.urls)
    if name is not None:
        raise UsageError(
            f"no Git remote is called {name!r}",
            why=f"this clone has: {join_limited(known) if known else 'none'}",
            fix=f"put --push at the end, or name one: --push {known[0]}" if known else "git remote add origin URL",
        )
    raise UsageError(
        "no Git remote to push tags to",
        why=f"there are several: {join_limited(known)}" if known else "this clone has no Git remote",
        fix=f"name one, such as --push {known[0]}" if known else "git remote add origin URL",
    )


def change_registry(
    repo: Repository,
    artifact: str,
    plan: Callable[[KnownTags], PlannedTag],
    options: ChangeOptions,
    progress: Progress = SILENT,
) -> RegistryChange:
    """Make the tag that `plan` chooses from the tags of `artifact`, and push it if `options` say so.

    Before, the tags of the Git remote are fetched, and the data of the tagged commit is uploaded. If somebody else
    pushes a tag of this name first, `plan` chooses again. So a tag is in this clone only when the remote has it.
    Raises the errors of `plan`, ConflictError, MissingObjectError, RemoteError, RepositoryError.
    """
    return _Change(repo, artifact, plan, options, progress).run()


class _Change:
    """One change of the registry."""

    def __init__(
        self,
        repo: Repository,
        artifact: str,
        plan: Callable[[KnownTags], PlannedTag],
        options: ChangeOptions,
        progress: Progress,
    ) -> None:
        self._repo, self._git = repo, repo.git
        self._artifact, self._plan, self._progress = artifact, plan, progress
        self._options = options
        remote = default_git_remote(repo.git, options.git_remote) if options.push else None
        self._remote = None if options.dry_run else remote
        self._lost: list[str] = []
        self._uploaded: dict[CommitId, tuple[UploadResult, ...]] = {}

    def run(self) -> RegistryChange:
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0, min(_PAUSE * 2**attempt, _LONGEST_PAUSE)))
            known = self._known()
            planned = self._plan(known)
            try:
                if self._options.dry_run:
                    return self._result(known, planned, created=planned.existing is None)
                if planned.existing is not None:
                    pushed = self._push_existing(planned.existing, planned.requires)
                    return self._result(known, planned, created=False, pushed=pushed)
                self._make(known, planned)
                return self._result(known, planned, created=True, pushed=self._remote is not None)
            except (RefMovedError, TagTakenError):
                self._lost.append(str(planned.tag))
        raise ConflictError(
            f"cannot change {self._artifact!r}: {_ATTEMPTS} times, another process took the tag",
            fix="run the same command again",
        )

    def _known(self) -> KnownTags:
        if self._remote is not None:
            name = self._artifact.replace(":", "=")
            with self._progress.task("query Git remote", unit=""):
                fetch_new_tags(self._git, self._remote, [f"{name}@*", f"{name}#*"])
        return KnownTags.of(self._artifact, read_registry_tags(self._git, self._artifact))

    def _make(self, known: KnownTags, planned: PlannedTag) -> None:
        """Make the tag. Raises TagTakenError, and RefMovedError if the remote has another one."""
        name = str(planned.tag)
        public = secret_filter(self._repo)
        metrics = {public.text(key): value for key, value in planned.details.metrics.items()}
        details = replace(planned.details, metrics=metrics, checks=public.value(planned.details.checks))
        message = encode_message(public.text(planned.message), details)
        seconds = tag_time(known.artifact, int(time.time()))
        if self._remote is not None:
            self._upload(planned.commit, _path_of(planned))
        made = make_tag_object(self._git, name, planned.commit, message, seconds)
        # Without its name until the remote has it: the tag of a lost race, or of a killed process, would be in the way.
        if self._remote is not None:
            self._push({**_ids(self._git, planned.requires), name: made})
        place_tag(self._git, name, made)

    def _push_existing(self, existing: RegistryEvent, requires: Sequence[RegistryEvent]) -> bool:
        """Push a tag of this clone, and return True, unless the remote has it."""
        if self._remote is None:
            return False
        wanted = _ids(self._git, (*requires, existing))
        there = remote_tags(self._git, self._remote)
        missing = {name: one for name, one in wanted.items() if name not in there}
        if missing:
            self._upload(existing.commit, readable_details(existing).path)
            self._push(missing)
        return bool(missing)

    def _push(self, tags: Mapping[str, str]) -> None:
        assert self._remote is not None
        with self._progress.task(f"push to {self._remote}", unit=""):
            push_new_tags(self._git, self._remote, tags)

    def _upload(self, commit: CommitId, path: str | None) -> None:
        """Upload the data that the Git remote gets with the tag: of new commits, and of the artifact itself."""
        if commit not in self._uploaded:
            assert self._remote is not None
            git = replace(self._git, raw=True)  # Git sends stored objects, not their replacements
            there = ids_on_remote(git, self._remote, git_remotes(git).urls[self._remote][0])
            new = new_commits(git, [RefUpdate("", commit, "", "0")], there)
            files = [*new_files_of(git, new).pointers, *_of_artifact(git, commit, path)]
            options = UploadOptions(git_remote=self._remote)
            sent = upload_data(git, files, [commit], options=options, progress=self._progress)
            self._uploaded[commit] = sent.remotes

    def _result(self, known: KnownTags, planned: PlannedTag, *, created: bool, pushed: bool = False) -> RegistryChange:
        artifact, stage = known.artifact, planned.tag.stage
        after = _after(artifact, planned) if created else artifact
        return RegistryChange(
            artifact.name,
            str(planned.tag),
            planned.commit,
            planned.version,
            stage,
            planned.details,
            created,
            self._options.dry_run,
            self._remote,
            pushed,
            _current(artifact, stage),
            _current(after, stage),
            _sharing(after, planned),
            created and artifact.deprecation is not None and after.deprecation is None,
            tuple(self._lost),
            self._uploaded.get(planned.commit, ()),
            tuple(str(one.tag) for one in planned.requires),
        )


def _after(artifact: RegisteredArtifact, planned: PlannedTag) -> RegisteredArtifact:
    """The artifact with the planned tag."""
    annotation = b"\n\n" + encode_message(planned.message, planned.details).encode(errors="replace")
    event = RegistryEvent(planned.tag, planned.commit, tag_time(artifact, 0), annotation)
    return artifact_state(artifact.name, (*artifact.events, event))


def _sharing(artifact: RegisteredArtifact, planned: PlannedTag) -> tuple[str, ...]:
    """Other versions of the commit that `planned` registers or assigns."""
    if planned.tag.action not in (RegistryAction.REGISTER, RegistryAction.ASSIGN):
        return ()
    found = (one for one in artifact.versions if one.commit == planned.commit and one.version != planned.version)
    return tuple(one.version for one in found if one.is_active and one.registration is not None)


def _current(artifact: RegisteredArtifact, stage: str | None) -> str | None:
    found = artifact.stages.get(stage) if stage is not None else None
    return found.version if found is not None else None


def _ids(git: GitRepo, events: Sequence[RegistryEvent]) -> dict[str, str]:
    """The tags of `events` by name, with the ids of their objects."""
    found = {str(one.tag): tag_id(git, str(one.tag)) for one in events}
    return {name: one for name, one in found.items() if one is not None}


def _path_of(planned: PlannedTag) -> str | None:
    """The path of the artifact: of a registration, or of the version that the tag is about."""
    paths = (planned.details.path, *(readable_details(one).path for one in planned.requires))
    return next((one for one in paths if one is not None), None)


def _of_artifact(git: GitRepo, commit: CommitId, path: str | None) -> list[NewPointerFile]:
    """The pointers and locks of `commit` that name data of the artifact at `path`, with this data only."""
    if path is None:
        return []
    wanted = os.fsencode(path)
    found = []
    for file in all_pointer_files(git, [commit]):
        data = tuple(
            (place, one) for place, one in file.data if is_at_or_below(wanted, place) or is_at_or_below(place, wanted)
        )
        if data:
            found.append(replace(file, data=data))
    return found
