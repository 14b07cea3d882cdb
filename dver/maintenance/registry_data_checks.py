"""The checks of `dver model doctor` of the data that versions name: in the store, and on remotes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from dver.core.errors import CorruptError, DverError
from dver.core.oid import Oid
from dver.core.phrasing import count, quoted
from dver.core.progress import Progress
from dver.formats.registry_tag import TagDetails
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact
from dver.maintenance.project_checks import Finding, Level
from dver.models.definitions import definition_at
from dver.models.version_data import VersionData, VersionDataReader, VersionDataState
from dver.remote.repair.lost_packs import find_missing_in_packs, lost_packs
from dver.remote.transfer.push_plan import missing_on_remote
from dver.repo import Repository
from dver.tracking.revision_scope import by_remote
from dver.tracking.targets import Target

_Key = tuple[bytes, Oid]
"""Data at a path."""
_PLACES: Final = (VersionDataState.STORE, VersionDataState.REMOTE, VersionDataState.MISSING)
"""The states of data that dver tracks, and that is what was registered."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A version and its data."""

    version: ArtifactVersion
    data: VersionData

    @property
    def name(self) -> str:
        return f"{self.version.artifact}@{self.version.version}"

    @property
    def rev(self) -> str:
        return quoted(self.name if self.version.registration is not None else self.version.version)


def versions_to_check(artifact: RegisteredArtifact, *, everything: bool) -> list[ArtifactVersion]:
    """The versions that are in use: the latest one, and those in stages; with `everything`, all in the registry."""
    return [one for one in artifact.versions if one.is_active and (everything or one.stages or one == artifact.latest)]


def check_data(
    repo: Repository, versions: Collection[ArtifactVersion], *, offline: bool, progress: Progress
) -> Iterator[Finding]:
    """Check that the data of `versions` is what was registered, and that the store or a remote has it."""
    reader = VersionDataReader(repo)
    checked: list[_Checked] = []
    with progress.task("check versions", total=len(versions), unit="objects") as task:
        for version in versions:
            checked.append(_Checked(version, _data_of(repo, reader, version)))
            task.advance(1)
    for one in checked:
        yield from _check_one(one)
    yield from _check_places(repo, checked, offline=offline)
    here = sum(one.data.state in (VersionDataState.GIT, VersionDataState.STORE) for one in checked)
    yield Finding(Level.OK, "data", f"checked {count(len(checked), 'version')}: the data of {here:,} is in this clone")


def _check_one(one: _Checked) -> Iterator[Finding]:
    match one.data.state:
        case VersionDataState.MOVED:
            text = f"{one.name}: its commit has other data than the tag records: the tag was moved"
            yield Finding(Level.PROBLEM, "data", text)
        case VersionDataState.NOT_IN_COMMIT:
            yield Finding(Level.PROBLEM, "data", f"{one.name}: its commit does not have its path")
        case VersionDataState.NO_PATH:
            yield Finding(Level.WARNING, "data", f"{one.name}: no dver.yaml of its commit names its path")
    if one.data.error is not None:
        yield Finding(Level.PROBLEM, "data", f"{one.name}: {one.data.error.what}", one.data.error.fix)


def _data_of(repo: Repository, reader: VersionDataReader, version: ArtifactVersion) -> VersionData:
    details = TagDetails()
    if version.registration is not None:
        try:
            details = version.registration.details
        except CorruptError as error:
            return VersionData(VersionDataState.UNREADABLE, error=error)
    path = details.path or _defined_path(repo, version)
    return reader.read(version.commit, path, details.content)


def _defined_path(repo: Repository, version: ArtifactVersion) -> str | None:
    with suppress(DverError):  # an unreadable file names no path
        found = definition_at(repo.git, version.commit, version.artifact)
        return found.path if found is not None else None
    return None


def _check_places(repo: Repository, checked: Iterable[_Checked], *, offline: bool) -> Iterator[Finding]:
    """Check that remotes have what the store does not have, and what others need."""
    tracked = [one for one in checked if one.data.state in _PLACES]
    has_remote = bool(repo.config.remote_names)
    not_pushed = _not_on_remotes(repo, tracked) if has_remote and not offline else {}
    for one in tracked:
        remote = not_pushed.get(_key(one.data.target)) if one.data.target is not None else None
        if one.data.state is VersionDataState.STORE:
            if remote is not None:
                text = f"{one.name}: its data is not on {remote}"
                yield Finding(Level.WARNING, "data", text, f"dver push --rev {one.rev}")
        elif remote is not None:
            text = f"{one.name}: its data is neither in the store nor on {remote}"
            yield Finding(Level.PROBLEM, "data", text, f"in a clone that has it: dver push --rev {one.rev}")
        elif not has_remote:
            text = f"{one.name}: its data is not in the store, and there is no remote"
            yield Finding(Level.PROBLEM, "data", text, "add the remote that has it: dver remote add --default NAME URL")
        elif offline:
            text = f"{one.name}: its data is not in the store, and no remote was asked"
            yield Finding(Level.WARNING, "data", text, f"dver fetch --rev {one.rev}")


def _not_on_remotes(repo: Repository, checked: Iterable[_Checked]) -> dict[_Key, str]:
    """The data of `checked` that is not on its remote, with the name of the remote.

    Raises RemoteError, RepositoryError.
    """
    targets = {_key(one.data.target): one.data.target for one in checked if one.data.target is not None}
    pushed = [target for target in targets.values() if target.tracked.pointer.push]
    found: dict[_Key, str] = {}
    for remote, group in by_remote(repo.remotes, pushed, None).items():
        catalog = repo.remotes.catalog(remote)
        catalog.refresh()
        find = find_missing_in_packs if lost_packs(catalog) else missing_on_remote
        for target in group:
            if find([target.tracked.entry.ref(target.tracked.path)], repo.store, catalog):
                found[_key(target)] = remote
    return found


def _key(target: Target) -> _Key:
    return target.tracked.path, target.tracked.pointer.oid
