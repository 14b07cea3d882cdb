"""The working tree as a tree of Git, made in a temporary index: the user's index and files stay as they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from dver.core.files import delete_any
from dver.git.git_repo import Arg, GitRepo, run
from dver.git.index import is_sparse

_SETTINGS: Final[tuple[Arg, ...]] = (
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.splitIndex=false",
    "-c",
    "core.safecrlf=false",
)
"""Changes of any index run the hook post-index-change, by which data follows the user's. The index is one file, and no
line endings are refused."""


@dataclass(frozen=True, slots=True)
class TreeSnapshot:
    """The tree of a working tree."""

    tree: str
    left_out: tuple[bytes, ...] = ()
    """Untracked files over the size limit and Git repositories, relative to the top, which the tree does not have."""


class TemporaryIndex:
    """An index of its own for git commands in the working tree of `git`."""

    def __init__(self, git: GitRepo, path: Path) -> None:
        self._git = git
        self.path = path

    def run(self, args: Sequence[Arg], *, stdin: bytes = b"", literal: bool = True) -> bytes:
        """The output of `git *args` on this index. No hooks run. Raises RepositoryError."""
        env = {"GIT_INDEX_FILE": os.fspath(self.path)}
        return run(self._git, [*_SETTINGS, *args], stdin=stdin, literal=literal, env=env)

    def put(self, contents: Mapping[bytes, bytes]) -> None:
        """Add regular files with `contents`, by path, or replace them."""
        lines = []
        for path, content in contents.items():
            blob = self.run(["hash-object", "-w", "--stdin"], stdin=content).strip()
            lines.append(b"100644 %s\t%s\0" % (blob, path))
        if lines:
            self.run(["update-index", "-z", "--index-info"], stdin=b"".join(lines))

    def write_tree(self) -> str:
        """The tree of this index."""
        return self.run(["write-tree"]).decode().strip()


@contextmanager
def temporary_index(git: GitRepo, *, copy: bool = False, tree: str | None = None) -> Iterator[TemporaryIndex]:
    """A temporary index, deleted at the end of the block: empty, with a `tree`, or with `copy` as the user's index.

    The copy knows the times of files, so git reads changed files only.
    """
    parent = git.git_dir / "dver"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="index-", dir=parent))
    try:
        index = TemporaryIndex(git, folder / "index")
        if copy:
            with suppress(FileNotFoundError):  # before the first `git add`
                shutil.copy2(git.git_dir / "index", index.path)
        if tree is not None:
            index.run(["read-tree", tree])
        yield index
    finally:
        delete_any(folder)


def snapshot_worktree(
    git: GitRepo, *, largest: int | None = None, instead: Mapping[bytes, bytes] | None = None
) -> TreeSnapshot:
    """The tree of the working tree: all files that Git tracks, and untracked files that it does not ignore.

    Untracked files of more than `largest` bytes and untracked Git repositories are left out. `instead` has contents
    that replace those on disk, by path.
    """
    with temporary_index(git, copy=True) as index:
        left_out = _left_out(index, git, inf if largest is None else largest)
        excluded = [b":(exclude,literal,top)" + path for path in left_out]
        listed = b"".join(one + b"\0" for one in (b":/", *excluded))
        sparse = ["--sparse"] if is_sparse(git) else []
        index.run(
            ["add", "--all", *sparse, "--pathspec-from-file=-", "--pathspec-file-nul"], stdin=listed, literal=False
        )
        index.put(instead or {})
        return TreeSnapshot(index.write_tree(), left_out)


def with_files_of_worktree(git: GitRepo, tree: str, paths: Sequence[bytes]) -> str:
    """`tree` with the present files at or below `paths`, unless Git ignores them; missing files are removed from it."""
    if not paths:
        return tree
    with temporary_index(git, tree=tree) as index:
        known = index.run(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths])
        index.run(["update-index", "--add", "--remove", "-z", "--stdin"], stdin=known)
        return index.write_tree()


def _left_out(index: TemporaryIndex, git: GitRepo, largest: float) -> tuple[bytes, ...]:
    """The untracked files of more than `largest` bytes, and other Git repositories, which have their own commits."""
    top = os.fsencode(git.worktree)
    found = []
    for path in filter(None, index.run(["ls-files", "-z", "--others", "--exclude-standard"]).split(b"\0")):
        with suppress(OSError):
            if path.endswith(b"/") or os.lstat(os.path.join(top, path)).st_size > largest:
                found.append(path.removesuffix(b"/"))
    return tuple(found)
