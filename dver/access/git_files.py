"""The files that Git has, at a commit or in the worktree, as a tree of names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dver.git.git_repo import GitRepo, run


@dataclass(frozen=True, slots=True)
class GitFile:
    """A file or link in Git. `blob` is its Git id; empty in the worktree."""

    blob: str
    is_link: bool = False
    executable: bool = False


@dataclass(frozen=True, slots=True)
class PathTree:
    """Paths with the directories above them. Paths are bytes, relative to the top; the top is the empty path."""

    directories: Mapping[bytes, set[bytes]] = field(default_factory=dict)
    """The names in each directory."""

    @classmethod
    def of(cls, paths: Iterable[bytes]) -> PathTree:
        """The tree of `paths`."""
        directories: dict[bytes, set[bytes]] = {b"": set()}
        for path in paths:
            directory, name = os.path.split(path)
            while directory not in directories:
                directories[directory] = {name}
                directory, name = os.path.split(directory)
            directories[directory].add(name)
        return cls(directories)


def files_of_commit(git: GitRepo, commit: str) -> dict[bytes, GitFile]:
    """The files and links of `commit` (an id), by path. Submodules are left out."""
    output = run(git, ["ls-tree", "-r", "-z", "--full-tree", commit])
    found = {}
    for line in output.split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, _, blob = head.split(b" ")
        if mode != b"160000":
            found[path] = GitFile(blob.decode(), mode == b"120000", mode == b"100755")
    return found


def files_of_worktree(git: GitRepo) -> dict[bytes, GitFile]:
    """The files and links in the worktree that Git tracks, or would track, by path."""
    output = run(git, ["ls-files", "-c", "-o", "--exclude-standard", "-z"])
    top = os.fsencode(git.worktree)
    found = {}
    for path in dict.fromkeys(output.split(b"\0")[:-1]):
        absolute = top + b"/" + path
        if os.path.islink(absolute):
            found[path] = GitFile("", is_link=True)
        elif os.path.isfile(absolute):
            found[path] = GitFile("", executable=os.access(absolute, os.X_OK))
    return found
