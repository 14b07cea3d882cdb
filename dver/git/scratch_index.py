"""Copies of Git's index to work with, comparisons of trees, and replacing the index of the worktree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.errors import ConflictError
from dver.core.files import NO_LINKS, fsync_dir
from dver.core.platform import blocks
from dver.git.git_repo import Arg, GitRepo, describe_objects, run
from dver.git.index import is_sparse
from dver.git.snapshot import TemporaryIndex

SUBMODULE: Final = b"160000"
"""The mode of submodules and nested repositories."""
_NEXT: Final = "index.next"
"""The file in dver's directory of the worktree that becomes the next index."""


class TreeDifference(NamedTuple):
    """A path that two trees of Git have differently. Modes are Git's, such as `100644`; None for a missing path."""

    path: bytes
    old: bytes | None
    new: bytes | None

    @property
    def is_submodule(self) -> bool:
        """Whether a side is the commit of a submodule or of a nested repository."""
        return SUBMODULE in (self.old, self.new)


class IndexFile(NamedTuple):
    """The content of the worktree's index; None if there is none. `mtime` is in nanoseconds."""

    content: bytes | None
    mtime: int = 0


class FlaggedFiles(NamedTuple):
    """Files in the index with flags."""

    left_out: tuple[bytes, ...]
    """Those that a sparse checkout leaves out (skip-worktree)."""
    assumed: tuple[bytes, ...]
    """Those that the user declared unchanged (assume-unchanged). Git does not compare them."""


class ScratchIndex(TemporaryIndex):
    """An index in a file of its own, for a step that replaces the files of the worktree."""

    def __init__(self, git: GitRepo, path: Path) -> None:
        super().__init__(git, path)
        self._sparse: list[Arg] = ["--sparse"] if is_sparse(git) else []

    def start(self, index: IndexFile) -> None:
        """Make this a copy of `index`."""
        self.path.unlink(missing_ok=True)
        if index.content is not None:
            self.path.write_bytes(index.content)
            # Git compares the times of files with that of the index, to find files edited in the same moment.
            os.utime(self.path, ns=(index.mtime, index.mtime))

    def add_tracked(self) -> None:
        """Stage all changes and deletions of tracked files. Raises RepositoryError."""
        self.run(["add", "-u", *self._sparse])

    def add(self, paths: Iterable[bytes]) -> None:
        """Stage the untracked files `paths`."""
        self._with_paths(["add", *self._sparse, "--pathspec-from-file=-", "--pathspec-file-nul"], paths)

    def read_tree(self, tree: str) -> None:
        """Make the entries those of `tree`. Those with the same content stay as they are."""
        self.run(["read-tree", "--reset", tree])

    def check_out(self, paths: Iterable[bytes]) -> None:
        """Write the files `paths`, which do not exist, into the worktree. Raises RepositoryError, LocalIOError."""
        self._with_paths(["checkout-index", "-q", "-z", "--stdin"], paths)

    def flag(self, option: str, paths: Iterable[bytes]) -> None:
        """Set or clear a flag of the files `paths`, such as `--skip-worktree`."""
        self._with_paths(["update-index", option, "-z", "--stdin"], paths)

    def _with_paths(self, args: Sequence[Arg], paths: Iterable[bytes]) -> None:
        listed = b"".join(path + b"\0" for path in paths)
        if listed:
            self.run([*args], stdin=listed)


def read_index(git: GitRepo) -> IndexFile:
    """The index of the worktree."""
    with suppress(FileNotFoundError), open(git.git_dir / "index", "rb") as file:
        return IndexFile(file.read(), os.fstat(file.fileno()).st_mtime_ns)
    return IndexFile(None)


def replace_index(git: GitRepo, new: IndexFile, *, expected: IndexFile) -> None:
    """Replace the worktree's index by `new`, if it is still as `expected`.

    Raises ConflictError if another process changed or locked it.
    """
    index, lock, staged = git.git_dir / "index", git.git_dir / "index.lock", git.git_dir / "dver" / _NEXT
    clear_own_lock(git)
    staged.parent.mkdir(parents=True, exist_ok=True)
    staged.unlink(missing_ok=True)  # after a kill, it may be another name of the index itself
    mode = index.stat().st_mode & 0o777 if index.exists() else 0o644
    with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(new.content or b"")
        file.flush()
        blocks.sync(file.fileno())
    if new.mtime:
        os.utime(staged, ns=(new.mtime, new.mtime))
    _take(staged, lock)
    try:
        if read_index(git).content != expected.content:
            raise ConflictError(
                "Git's index changed in the meantime",
                why="another process staged or committed something",
                fix="run the same command again",
            )
        if new.content is None:
            index.unlink(missing_ok=True)
            lock.unlink()
        else:
            os.replace(lock, index)
            fsync_dir(index.parent)
    except BaseException:
        lock.unlink(missing_ok=True)
        raise
    finally:
        staged.unlink(missing_ok=True)


def clear_own_lock(git: GitRepo) -> None:
    """Remove a lock of the index that a killed `replace_index` left behind."""
    lock, staged = git.git_dir / "index.lock", git.git_dir / "dver" / _NEXT
    with suppress(FileNotFoundError):
        if os.path.samefile(lock, staged):
            lock.unlink()


def refuse_locked_index(git: GitRepo) -> None:
    """Raise ConflictError if another process has locked the index."""
    clear_own_lock(git)
    lock = git.git_dir / "index.lock"
    if os.path.lexists(lock):
        raise _locked(lock)


def refresh_index(git: GitRepo) -> None:
    """Let the index know the times of files with the staged content, so that Git need not read them again."""
    run(git, ["update-index", "-q", "--refresh"], ok=(0, 1, 128))  # 128: locked; it is only slower without


def _take(staged: Path, lock: Path) -> None:
    """Make `lock` another name of `staged`, as Git locks its index: if it does not exist."""
    try:
        os.link(staged, lock)
    except FileExistsError as error:
        raise _locked(lock) from error
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        try:
            with open(lock, "xb") as file:
                file.write(staged.read_bytes())
        except FileExistsError:
            raise _locked(lock) from None
        status = staged.stat()
        os.utime(lock, ns=(status.st_atime_ns, status.st_mtime_ns))


def _locked(lock: Path) -> ConflictError:
    return ConflictError(
        "Git's index is locked",
        why=f"{os.fspath(lock)!r} exists: another git process is running, or was killed",
        fix="wait until it has ended; if no git process is running, delete that file",
    )


def tree_differences(git: GitRepo, old: str, new: str) -> list[TreeDifference]:
    """The differences of the tree `new` to the tree `old`, by path."""
    fields = run(git, ["diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", old, new]).split(b"\0")[:-1]
    found = []
    for head, path in zip(fields[0::2], fields[1::2], strict=True):
        modes = head.removeprefix(b":").split(b" ")[:2]
        found.append(TreeDifference(path, *(mode if mode.strip(b"0") else None for mode in modes)))
    return found


def untracked(git: GitRepo) -> list[bytes]:
    """The files that Git neither tracks nor ignores. A nested repository is listed with a slash at its end."""
    return run(git, ["ls-files", "--others", "--exclude-standard", "-z"]).split(b"\0")[:-1]


def flagged(git: GitRepo) -> FlaggedFiles:
    """The files in the index with a flag."""
    left_out, assumed = [], []
    for line in run(git, ["ls-files", "-v", "-z"]).split(b"\0")[:-1]:
        tag, path = line[:1], line[2:]
        if tag in b"sS":
            left_out.append(path)
        if tag.islower():
            assumed.append(path)
    return FlaggedFiles(tuple(left_out), tuple(assumed))


def keep_trees(git: GitRepo, ref: str, *, worktree: str, index: str, head: str | None, message: str) -> None:
    """Point `ref` at a commit with the tree `worktree`, with HEAD and a commit of the tree `index` as parents.

    This is the form of `git stash`, and keeps Git from deleting the content.
    """
    parent = ["-p", head] if head else []
    staged = _commit(git, index, parent, f"index: {message}")
    run(git, ["update-ref", ref, _commit(git, worktree, [*parent, "-p", staged], message)])


def _commit(git: GitRepo, tree: str, parents: list[str], message: str) -> str:
    person = {f"GIT_{who}_{what}": "dver" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    # Without --no-gpg-sign, a key with a password would ask for it.
    args = ["commit-tree", tree, *parents, "--no-gpg-sign"]
    return run(git, args, stdin=os.fsencode(message) + b"\n", env=person).decode().strip()


def delete_ref(git: GitRepo, ref: str) -> None:
    """Delete `ref` if it exists."""
    run(git, ["update-ref", "-d", ref])


def tree_of(git: GitRepo, commits: Iterable[str]) -> dict[str, str]:
    """The tree of each of `commits` that Git has."""
    listed = list(commits)
    lines = describe_objects(git, [f"{one}^{{tree}}" for one in listed], "%(objectname) %(objecttype)")
    return {one: line.split()[0] for one, line in zip(listed, lines, strict=True) if line.endswith(" tree")}
