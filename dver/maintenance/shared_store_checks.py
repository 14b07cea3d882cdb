"""The checks of `dver doctor` for a shared store: permissions and registered clones."""

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
    """Check a shared store, and the previous store of this clone."""
    if repo.sharing.clone is not None and repo.store_dir.is_dir():
        yield from _check_folders(repo)
        yield from _check_clones(repo)
    former = repo.former_store_dir
    if former is not None:
        yield Finding(
            Level.WARNING,
            "store",
            f"the previous store, {os.fspath(former)}, is not empty",
            f"`dver fsck --repair --from {quoted(os.fspath(former))}` copies what is referenced; then delete it",
        )


def _check_folders(repo: Repository) -> Iterator[Finding]:
    folders = list(_folders(repo.store_dir))
    closed = [folder for folder in folders if not os.access(folder, os.W_OK | os.X_OK)]
    if closed:
        error = permission_error(closed[0])
        more = f" (and {count(len(closed) - 1, 'more directory', 'more directories')})" if len(closed) > 1 else ""
        text = f"{error.what}{more}: {error.why}"
        yield Finding(Level.WARNING, "store", f"{text}; it can be read", error.fix)
    bits = repo.sharing.folder_bits
    ours = [one for one in folders if (found := os.stat(one)).st_uid == os.geteuid() and bits & ~found.st_mode]
    if ours:
        yield Finding(
            Level.WARNING,
            "store",
            f"not writable for others, although cache.shared is {repo.config.cache_shared}:"
            f" {join_limited(list(map(os.fspath, ours)))}",
            f"chmod -R g+rwX {quoted(os.fspath(repo.store_dir))}; and `chmod g+s` its directories",
        )


def _check_clones(repo: Repository) -> Iterator[Finding]:
    clones = list_clones(repo.store_dir)
    yield Finding(Level.OK, "store", f"{count(len({(one.git_dir, one.mark) for one in clones}), 'clone')} use it")
    for state, text in (
        (CloneState.GONE, "clones that no longer exist, so gc refuses to run"),
        (CloneState.REPLACED, "clones that were moved, or are in other containers, so gc refuses to run"),
        (CloneState.UNREADABLE, "clones that you may not read, so gc refuses to run"),
        (CloneState.ELSEWHERE, "clones on other machines, so gc refuses to run"),
    ):
        found = [f"{one.git_dir} ({one.user} on {one.host})" for one in clones if one.state is state]
        if found:
            yield Finding(
                Level.WARNING,
                "store",
                f"{text}: {join_limited(found)}",
                "run gc where they can be read; if one is deleted: dver gc --forget CLONE",
            )


def _folders(root: Path) -> Iterator[Path]:
    yield root
    for name in sorted(os.listdir(root)):
        if name in ("packs", "tmp", "clones", "trash", "loose", "runs") and (root / name).is_dir():
            yield root / name
    for spread in (root / "loose", root / "runs"):
        if spread.is_dir() and os.access(spread, os.R_OK | os.X_OK):
            yield from (path for path in sorted(spread.iterdir()) if stat.S_ISDIR(path.lstat().st_mode))
