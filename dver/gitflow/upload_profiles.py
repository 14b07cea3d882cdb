"""Uploads of the profiles of live data, for the pre-push hook: those that the pushed histories of monitors name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.git.git_repo import GitRepo
from dver.git.history.gc_roots import read_pointer_blobs
from dver.git.remotes.outgoing import NewFile
from dver.gitflow.upload_data import UploadOptions, by_project
from dver.monitoring.history import MonitoredData, data_in
from dver.pipelines.run_cache.share import send_runs
from dver.profile_cache.kept_transfer import unsent_results
from dver.repo import Repository
from dver.sharing.upload import open_catalog, upload_roots


@dataclass(frozen=True, slots=True)
class UploadedProfiles:
    """The profiles and other results about live data that were uploaded."""

    profiles: int = 0
    remote: str = ""
    damaged: tuple[str, ...] = ()
    """The histories that cannot be read, each with the reason and the fix."""


def upload_profiles(
    git: GitRepo, histories: Sequence[NewFile], *, options: UploadOptions, progress: Progress = SILENT
) -> list[UploadedProfiles]:
    """Upload the profiles that new versions of histories name to the default remote of their project, if it has one.

    Histories are in the order of their commits. Without unsent profiles, no remote is contacted. A damaged history
    stops nothing: its data is not tracked. Raises RemoteError.
    """
    found = []
    for root, group in by_project(git, histories, lambda one: one.path).items():
        with Repository(root, git, cwd=git.worktree, in_hook=options.in_hook) as repo:
            found.append(_upload(repo, _data_of(git, group), options, progress))
    return found


def _data_of(git: GitRepo, histories: Sequence[NewFile]) -> MonitoredData:
    """The live data that the versions name. Damage counts only if no later version repairs it."""
    versions = {one.blob: one.path for one in histories}
    contents = dict(read_pointer_blobs(git, versions))  # without files that are too large for a history
    newest = {os.fsdecode(one.path): contents[one.blob] for one in histories if one.blob in contents}
    found = data_in((os.fsdecode(versions[blob]), content) for blob, content in contents.items())
    return MonitoredData(found.contents, data_in(newest.items()).damaged)


def _upload(repo: Repository, data: MonitoredData, options: UploadOptions, progress: Progress) -> UploadedProfiles:
    home = options.remote or repo.config.default_remote
    if home is None or not data.contents:
        return UploadedProfiles(damaged=data.damaged)
    found = unsent_results(repo, home, [ObjectRef(oid, ObjectKind.BLOB) for oid in data.contents])
    if found.runs:
        catalog = open_catalog(repo.remotes, home, jobs=options.jobs, progress=progress)
        roots = [item.ref for item in found.items]
        upload_roots(repo, home, catalog, roots, git_remote=options.git_remote, progress=progress)
        send_runs(repo.remotes, home, found.runs, jobs=options.jobs)
    return UploadedProfiles(len(found.runs), home, data.damaged)
