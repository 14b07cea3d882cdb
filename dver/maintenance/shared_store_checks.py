"""Looking for what is wrong with a store that several clones use: who may write where, and which clones they are."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dver.core.phrasing import count, join_limited, quoted
from dver.maintenance.project_checks import Finding, Level
from dver.repo import Repository
from dver.store.objects.file_creation import permission_error
from dver.store.registered_clones import CloneState, list_clones


def check_shared_store(repo: Repository) -> Iterator[Finding]:
    """What only concerns a store that others use, or that was used before."""
    if repo.sharing.clone is not None and repo.store_dir.is_dir():
        yield from _check_folders(repo)
        yield from _check_clones(repo)
    former = repo.former_store_dir
    if former is not None:
        yield Finding(
            Level.WARNING,
            "store",
            f"the store that was used before, {os.fspath(former)}, still has something in it",
            f"`dver fsck --repair --from {quoted(os.fspath(former))}` brings what is needed; then it can be deleted",
        )


def _check_folders(repo: Repository) -> Iterator[Finding]:
    folders = list(_folders(repo.store_dir))
    closed = [folder for folder in folders if not os.access(folder, os.W_OK | os.X_OK)]
    if closed:
        error = permission_error(closed[0])
        more = f" (and {count(len(closed) - 1, 'more folder')})" if len(closed) > 1 else ""
        text = f"{error.what}{more}: {error.why}"
        yield Finding(Level.WARNING, "store", f"{text}; it can be read from", error.fix)
    bits = repo.sharing.folder_bits
    ours = [one for one in folders if (found := os.stat(one)).st_uid == os.geteuid() and bits & ~found.st_mode]
    if ours:
        yield Finding(
            Level.WARNING,
            "store",
            f"closed to others, though cache.shared is {repo.config.cache_shared}:"
            f" {join_limited(list(map(os.fspath, ours)))}",
            f"chmod -R g+rwX {quoted(os.fspath(repo.store_dir))}; find the folders and chmod g+s them",
        )


def _check_clones(repo: Repository) -> Iterator[Finding]:
    clones = list_clones(repo.store_dir)
    yield Finding(Level.OK, "store", f"{count(len({(one.git_dir, one.mark) for one in clones}), 'clone')} use it")
    for state, text in (
        (CloneState.GONE, "clones that are not there any more, so that gc refuses to run"),
        (CloneState.REPLACED, "clones that were moved, or are in other containers, so that gc refuses to run"),
        (CloneState.UNREADABLE, "clones that you may not look into, so that gc refuses to run"),
        (CloneState.ELSEWHERE, "clones on other machines, so that gc refuses to run"),
    ):
        found = [f"{one.git_dir} ({one.user} on {one.host})" for one in clones if one.state is state]
        if found:
            yield Finding(
                Level.WARNING,
                "store",
                f"{text}: {join_limited(found)}",
                "run gc where they can be read; if one is gone for good: dver gc --forget CLONE",
            )


def _folders(root: Path) -> Iterator[Path]:
    yield root
    for name in sorted(os.listdir(root)):
        if name in ("packs", "tmp", "clones", "trash", "loose", "runs") and (root / name).is_dir():
            yield root / name
    for spread in (root / "loose", root / "runs"):
        if spread.is_dir() and os.access(spread, os.R_OK | os.X_OK):
            yield from (path for path in sorted(spread.iterdir()) if stat.S_ISDIR(path.lstat().st_mode))
