"""Linked worktrees that dver makes for itself and reuses: each use has another commit and other files.

No hook runs, and no daemon of Git watches them.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from dver.core.files import delete_any, temporary_name
from dver.git.git_repo import CommitId, GitRepo, run
from dver.git.revisions import resolve

_QUIET: Final = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")
_PATIENCE: Final = 30.0
"""Seconds to wait for a git process that a killed dver process left running."""
_PAUSE: Final = 0.05


def open_worktree(git: GitRepo, place: Path, commit: CommitId) -> GitRepo:
    """The linked worktree at `place` of the clone of `git`. A new one is at `commit` and has no files.

    The caller makes sure that no other process uses `place`.
    """
    found = git_dirs_at(git, place)
    if len(found) != 1 or not ((place / ".git").is_file() and (found[0] / "HEAD").is_file()):
        remove_worktree(git, place)
        place.mkdir(parents=True)
        _add_worktree(git, place, commit)
        found = git_dirs_at(git, place)
    return replace(git, worktree=place, git_dir=found[0])


def _add_worktree(git: GitRepo, place: Path, commit: CommitId) -> None:
    """Add the linked worktree at `place`, an empty directory, with HEAD at `commit` and without files."""
    if (git.common_dir / "reftable").is_dir():
        run(git, [*_QUIET, "worktree", "add", "--quiet", "--no-checkout", "--detach", os.fspath(place), commit])
        return
    # `git worktree add` writes one file after the other, and until then every git command that looks at all worktrees
    # fails: also those of the user, and of other workers. A rename adds the same files at once (gitrepository-layout).
    made = place.with_name(temporary_name())
    made.mkdir()
    git_dir = git.common_dir / "worktrees" / place.name
    while git_dir.exists():  # a worktree of the user's, or a broken one
        git_dir = git_dir.with_name(f"{place.name}-{os.urandom(4).hex()}")
    files = {"HEAD": resolve(git, commit), "commondir": "../..", "gitdir": os.path.join(place, ".git")}
    for name, content in files.items():
        (made / name).write_bytes(os.fsencode(f"{content}\n"))
    (place / ".git").write_bytes(b"gitdir: " + os.fsencode(git_dir) + b"\n")
    git_dir.parent.mkdir(exist_ok=True)
    made.rename(git_dir)


def reset_worktree(worktree: GitRepo, commit: CommitId, tree: str) -> None:
    """Detach HEAD at `commit`, and make the index and the files those of `tree`. Other files stay."""
    run(worktree, [*_QUIET, "update-ref", "--no-deref", "HEAD", commit])
    run(worktree, [*_QUIET, "read-tree", "--reset", "-u", tree])


def untracked_paths(worktree: GitRepo) -> list[bytes]:
    """The files that are not in the index, also ignored ones. A directory without any file in the index is listed
    alone."""
    listed = run(worktree, [*_QUIET, "ls-files", "-z", "--others", "--directory"])
    return [path.rstrip(b"/") for path in listed.split(b"\0")[:-1]]


def wait_for_git(git: GitRepo, place: Path) -> None:
    """Wait for git processes that a killed dver process left running at `place`, and delete their locks."""
    locks = [folder / name for folder in git_dirs_at(git, place) for name in ("index.lock", "HEAD.lock", "locked")]
    deadline = time.monotonic() + _PATIENCE
    while (held := [path for path in locks if path.exists()]) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    for path in held:
        path.unlink(missing_ok=True)


def remove_worktree(git: GitRepo, place: Path) -> None:
    """Delete the linked worktree at `place`, whatever its state. Other worktrees stay, also missing ones."""
    for folder in git_dirs_at(git, place):
        gone = folder
        with suppress(OSError):  # another disk
            gone = folder.rename(place.with_name(temporary_name()))  # at once, for git and gc at the same time
        delete_any(gone)
    delete_any(place)
    with suppress(OSError):
        (git.common_dir / "worktrees").rmdir()  # as git does after the last one


def git_dirs_at(git: GitRepo, place: Path) -> list[Path]:
    """The Git directories of the worktree at `place`: more than one if a process was killed while it made one."""
    with suppress(FileNotFoundError):
        return [one for one in (git.common_dir / "worktrees").iterdir() if _names(one, place)]
    return []


def _names(git_dir: Path, place: Path) -> bool:
    with suppress(OSError):
        target = os.fsdecode((git_dir / "gitdir").read_bytes().rstrip(b"\r\n"))
        return os.path.normpath(os.path.join(git_dir, target)) == os.path.join(place, ".git")
    return False
