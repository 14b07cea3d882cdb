"""References that Git tracks itself, such as a small table that is a dependency of a stage."""

from __future__ import annotations

import os
from pathlib import Path

from dver.access.content_files import scratch_directory
from dver.core.errors import UsageError
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.git import revisions
from dver.git.git_repo import run
from dver.profile_cache.privacy import private_columns
from dver.profile_cache.profiles import Found, profile_of
from dver.profiles.settings import ProfileSettings
from dver.profiles.tables import profile_table
from dver.repo import Repository
from dver.tables.suffixes import is_table_file
from dver.tracking.targets import resolve_data_path


def git_content(repo: Repository, path: bytes, rev: str) -> bytes | None:
    """The table at `path`, relative to the top of the worktree, in Git's own files at `rev`; None if it has none."""
    if not path or not is_table_file(os.fsdecode(path)):
        return None
    commit = revisions.resolve(repo.git, rev)
    is_there = run(repo.git, ["ls-tree", "-z", commit, "--", path]).split(b" ")[1:2] == [b"blob"]
    return run(repo.git, ["cat-file", "blob", os.fsencode(commit) + b":" + path]) if is_there else None


def reference_profile(repo: Repository, path: str, *, cwd: Path, rev: str | None) -> Found:
    """As `profile_of`, also for tables that Git tracks at `rev`: their profiles are not kept."""
    try:
        return profile_of(repo, path, cwd=cwd, rev=rev)
    except UsageError:
        if rev is None:
            raise
        absolute = resolve_data_path(repo, path, cwd)
        content = git_content(repo, absolute, rev)
        if content is None:
            raise
    name = os.fsdecode(os.path.basename(absolute))
    with scratch_directory(repo) as folder:
        (folder / name).write_bytes(content)
        profile = profile_table(folder / name, name, ProfileSettings(private_columns(repo)))
    entry = Entry(os.path.basename(absolute), Kind.FILE, Oid.of(content), len(content))
    return Found(profile, absolute, entry, 1, rev)
