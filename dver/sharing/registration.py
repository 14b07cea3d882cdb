"""Registration of Git repositories on a remote: writing this one's entry, and finding entries of unknown ones."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from dver.core.errors import RemoteError
from dver.core.files import write_atomic
from dver.core.oid import Oid
from dver.formats.remote_repository import ROOTS_MAX, RepositoryEntry
from dver.git.git_repo import CommitId, GitRepo
from dver.git.remotes.identity import GitRemotes, first_commits, git_remotes, path_on_host, public_url
from dver.remote.failures import TransientError
from dver.remote.index.contents import list_contents
from dver.remote.index.repositories import name_of, put_entry, read_entries
from dver.remote.storage import Storage
from dver.repo import Repository

_FILE: Final = "first-commits"
_ID: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def register(repo: Repository, storage: Storage, listed: Collection[Oid], *, git_remote: str | None = None) -> None:
    """Write the entry of this repository to the remote, unless it is among `listed`.

    `git_remote` is the Git remote that is pushed to, by default the one that `git push` would choose. Does nothing if
    the remote does not allow writing: then the upload fails as well, if there is one. Raises TransientError if the
    connection fails.
    """
    entry = entry_of(repo, git_remote)
    if not (entry.url or entry.roots) or name_of(entry) in listed:
        return
    try:
        put_entry(entry, storage)
    except TransientError:
        raise
    except RemoteError:
        return


def unknown_repositories(git: GitRepo, storage: Storage, commits: Collection[CommitId]) -> dict[Oid, RepositoryEntry]:
    """The entries on the remote that this clone, with the history `commits`, does not know; by name.

    Raises RemoteError, CorruptError.
    """
    remotes = git_remotes(git)
    found = read_entries(storage, list_contents(storage).repositories)
    return {name: entry for name, entry in found.items() if not _is_known(entry, remotes, commits)}


def has_history(entry: RepositoryEntry, commits: Collection[CommitId]) -> bool:
    """True if one of the first commits of `entry` is among `commits`, or it has none."""
    return not entry.roots or not set(commits).isdisjoint(entry.roots)


def entry_of(repo: Repository, git_remote: str | None = None) -> RepositoryEntry:
    """The entry of this repository."""
    remotes = git_remotes(repo.git)
    chosen = git_remote if git_remote in remotes.urls else remotes.push
    addresses = remotes.urls[chosen] if chosen is not None else ()
    url = public_url(addresses[0]) if addresses else ""
    name = path_on_host(url).rpartition("/")[2] or _directory_name(repo.git, addresses)
    return RepositoryEntry(name, url, _first_commits(repo))


def _is_known(entry: RepositoryEntry, remotes: GitRemotes, commits: Collection[CommitId]) -> bool:
    paths = {path_on_host(public) for urls in remotes.urls.values() for url in urls if (public := public_url(url))}
    return has_history(entry, commits) and (not entry.url or path_on_host(entry.url) in paths)


def _directory_name(git: GitRepo, addresses: tuple[str, ...]) -> str:
    """The name of the directory that is pushed to, which is the same for all clones, or that of the worktree."""
    directory = addresses[0].rstrip("/").removesuffix("/.git") if addresses else ""
    return directory.rpartition("/")[2].removesuffix(".git") or git.worktree.name


def _first_commits(repo: Repository) -> tuple[str, ...]:
    """The first commits that HEAD reached at the first call. They are cached, since the search reads all commits."""
    path = repo.layout.clone_dir / _FILE
    with suppress(OSError, UnicodeDecodeError):
        lines = path.read_text("ascii").splitlines()
        if lines and all(map(_ID.fullmatch, lines)):
            return tuple(sorted(set(lines)))[:ROOTS_MAX]
    found = first_commits(repo.git)[:ROOTS_MAX]
    if found:
        with suppress(OSError):
            write_atomic(path, "".join(f"{one}\n" for one in found).encode("ascii"), durable=False)
    return found
