"""The lineage of a version in this or another repository, with the records of its runs where they can be had."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from dver.access.mirrored_projects import mirrored_projects
from dver.access.repositories import LocalProject, MirroredRepository
from dver.core.display import Displayed
from dver.core.errors import ConflictError, CorruptError, DverError
from dver.core.public_text import SecretFilter
from dver.models.located import LocatedVersion
from dver.pipelines.lineage import Lineage, trace
from dver.project.public_text import secret_filter
from dver.repo import Repository
from dver.sharing.download import download_runs


@dataclass(frozen=True, slots=True, repr=False)
class Provenance(Displayed):
    """The stages that made a version."""

    lineage: Lineage | None
    secrets: SecretFilter = field(default_factory=SecretFilter)
    """Filters what is published about the version."""
    missing: str | None = None
    """Why there is no record of the run that made it; None if there is one."""


def find_provenance(located: LocatedVersion, *, remote: str | None = None) -> Provenance:
    """The stages that made the version. Without a record of the last run in this clone, asks the remote for it."""
    with _project(located) as repo:
        if repo is None:
            return Provenance(None, missing="the commit has no project of dver, so nothing records the run")
        secrets = secret_filter(repo)
        try:
            found = trace(repo, located.path, located.commit)
            if found is not None and found.stages[0].record is None and _receives_runs(repo, remote):
                found = trace(repo, located.path, located.commit)
        except (CorruptError, ConflictError) as error:
            return Provenance(None, secrets, f"a lock file of the commit cannot be read: {error.what}")
        if found is None:
            return Provenance(None, secrets, "no stage made the model")
        last = found.stages[0]
        missing = f"neither this clone nor its remote has a record of the run of stage {last.address}"
        return Provenance(found, secrets, missing if last.record is None else None)


def _receives_runs(repo: Repository, remote: str | None) -> bool:
    """Download new run cache entries of the remote. A package can be made without them, so errors do not matter."""
    with suppress(DverError, OSError):
        return bool(download_runs(repo, remote).runs)
    return False


@contextmanager
def _project(located: LocatedVersion) -> Iterator[Repository | None]:
    """The project that the version is in; None if there is none."""
    address = located.address
    if isinstance(address, LocalProject):
        with Repository.open(address.directory) as repo:
            yield repo
    elif isinstance(address, MirroredRepository):
        path, projects = os.fsencode(located.path), mirrored_projects(address.mirror, address.commit)
        above = [one for one in projects if not one or path.startswith(one + b"/")]
        yield projects[max(above, key=len)] if above else None
    else:
        yield None
