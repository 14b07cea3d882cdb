"""The worktrees of a clone, including those whose directory is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from dver.core.errors import RepositoryError
from dver.core.platform.processes import is_alive
from dver.git.git_repo import CommitId, GitRepo, discover, run


class Worktree(NamedTuple):
    """A worktree and its environment for git. Without files, its directory is any in which git can run."""

    git: GitRepo
    has_files: bool


def worktrees(git: GitRepo) -> list[Worktree]:
    """All worktrees of the clone of `git`, the main one first.

    Raises RepositoryError for a directory that cannot be read, unless git considers the worktree deleted.
    """
    found = [_main(git)]
    try:
        names = sorted(os.listdir(git.common_dir / "worktrees"))
    except FileNotFoundError:
        names = []
    found += [_linked(git, git.common_dir / "worktrees" / name) for name in names]
    return found


def main_worktree_dir(git: GitRepo) -> Path:
    """The directory of the clone's main worktree; for a bare clone, its Git directory.

    Raises RepositoryError if it is unknown.
    """
    return git.worktree if git.git_dir == git.common_dir else _main(git).git.worktree


def clone_at(common_dir: Path) -> GitRepo:
    """Another clone on this machine by its common Git directory. It may belong to another user.

    Raises RepositoryError if git cannot use it.
    """
    if not (common_dir / "HEAD").is_file():
        raise RepositoryError(f"there is no Git directory {os.fspath(common_dir)!r}", why="it was moved or deleted")
    git = GitRepo(common_dir, common_dir, common_dir, explicit=True, foreign=True)
    return replace(git, object_format=run(git, ["rev-parse", "--show-object-format"]).decode().strip())


def _main(git: GitRepo) -> Worktree:
    """The main worktree; for a bare clone, its HEAD and index, if any."""
    if git.git_dir == git.common_dir != git.worktree:
        return Worktree(git, True)
    settings = dict(_core_settings(git))
    at_home = replace(git, git_dir=git.common_dir, worktree=git.common_dir, explicit=True)
    if settings.get("core.bare") == "true":
        return Worktree(at_home, False)
    if folder := settings.get("core.worktree"):
        place = Path(os.path.realpath(git.common_dir / folder))
    elif git.common_dir.name == ".git":
        place = git.common_dir.parent
    else:
        raise RepositoryError(
            f"cannot find the main worktree of {os.fspath(git.common_dir)!r}",
            why="its Git directory is elsewhere, and does not say",
            fix="run the same command in the main worktree",
        )
    if not place.is_dir():
        raise _unreachable(place, "its directory is missing")
    return Worktree(replace(at_home, worktree=place), True)


def _core_settings(git: GitRepo) -> Iterator[tuple[str, str]]:
    args = [f"--git-dir={os.fspath(git.common_dir)}", "config", "-z", "--get-regexp", r"^core\.(bare|worktree)$"]
    for item in run(git, args, ok=(0, 1)).split(b"\0")[:-1]:
        key, _, value = os.fsdecode(item).partition("\n")
        yield key, value


def _linked(git: GitRepo, git_dir: Path) -> Worktree:
    folder = _folder_of(git_dir)
    linked = replace(git, git_dir=git_dir, explicit=True)
    if folder is not None:
        return Worktree(replace(linked, worktree=folder), True)
    if (git_dir / "locked").exists():
        raise _unreachable(
            git_dir, "it is locked, so its directory is only temporarily missing, and its files cannot be read"
        )
    return Worktree(replace(linked, worktree=git.common_dir), False)


def _folder_of(git_dir: Path) -> Path | None:
    """The directory of a linked worktree; None if git considers it deleted."""
    try:
        target = os.fsdecode((git_dir / "gitdir").read_bytes().rstrip(b"\r\n"))
        marker = os.path.join(git_dir, target)
        os.lstat(marker)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreachable(git_dir, f"{error.filename}: {error.strerror}") from error
    return Path(os.path.realpath(os.path.dirname(marker)))


def _unreachable(place: Path, why: str) -> RepositoryError:
    return RepositoryError(
        f"the worktree {os.fspath(place)!r} cannot be read",
        why=why,
        fix="make its directory available; or, if it was deleted: git worktree unlock, then git worktree prune",
    )


@contextmanager
def scratch_worktree(git: GitRepo, folder: Path, commit: CommitId) -> Iterator[GitRepo]:
    """A new worktree of `commit` below `folder`, deleted at the end of the block. No hooks run.

    Leftovers of killed processes are deleted first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _clear(git, folder)
    place = Path(mkdtemp(prefix=f"{os.getpid()}-", dir=folder))
    try:
        options = ["-c", f"core.hooksPath={os.devnull}"]
        run(git, [*options, "worktree", "add", "--quiet", "--detach", os.fspath(place), commit])
        yield discover(place)
    finally:
        _remove(git, place)


def _clear(git: GitRepo, folder: Path) -> None:
    for place in folder.iterdir():
        pid = place.name.partition("-")[0]
        if not pid.isdecimal() or not is_alive(int(pid)):
            _remove(git, place)


def _remove(git: GitRepo, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    run(git, ["worktree", "prune"])
