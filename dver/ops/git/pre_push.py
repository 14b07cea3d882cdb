"""The pre-push hook: pushes the data of commits before Git pushes the commits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.git.git_repo import discover
from dver.git.remotes import outgoing
from dver.git.remotes.refs import ids_on_remote
from dver.gitflow.push_data import NewPointerFile, new_files_of
from dver.gitflow.upload_data import IN_HOOK, upload_data
from dver.gitflow.upload_profiles import UploadedProfiles, upload_profiles
from dver.remote.transfer.push import UploadResult


@dataclass(frozen=True, slots=True)
class PrePushResult:
    """The result. Without new pointers in the commits, no remote was contacted."""

    remotes: tuple[UploadResult, ...] = ()
    unreadable: tuple[NewPointerFile, ...] = ()
    """Unreadable pointers and locks of older commits; their data is not pushed."""
    profiles: tuple[UploadedProfiles, ...] = ()
    """The profiles of live data that histories of monitors name, by project."""


def pre_push(
    cwd: Path, git_remote: str | None, lines: bytes, *, url: str | None = None, progress: Progress = SILENT
) -> PrePushResult:
    """Push the data of exactly the commits that Git sends to `git_remote`; None for a remote without a name.

    `url` is the address of the Git remote, `lines` are Git's input of the hook. Raises a DverError if any data of these
    commits would be missing on its remote.
    """
    git = replace(discover(cwd), raw=True)  # Git sends stored objects, not their replacements
    updates = [update for update in outgoing.parse_updates(lines) if not update.deletes]
    remote_ids = ids_on_remote(git, git_remote, url) if git_remote is not None else []
    brought = new_files_of(git, outgoing.new_commits(git, updates, remote_ids))
    tips = outgoing.commits_of(git, updates) if not all(one.readable for one in brought.pointers) else []
    options = replace(IN_HOOK, git_remote=git_remote)
    sent = upload_data(git, brought.pointers, tips, options=options, progress=progress)
    profiles = upload_profiles(git, brought.histories, options=options, progress=progress)
    return PrePushResult(sent.remotes, sent.unreadable, tuple(profiles))
