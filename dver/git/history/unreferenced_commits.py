"""Commits without a ref that Git keeps for ORIG_HEAD, reflogs or operations in progress (`dver gc -v`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from dver.git.git_repo import GitRepo, run
from dver.git.history.gc_roots import existing_tips
from dver.git.worktrees import worktrees


class CommitHolder(NamedTuple):
    """A file or reflog that keeps commits."""

    source: str
    """The file, relative to the Git directory, or the reflog."""
    commits: int
    """The number of commits kept and reachable from no ref. Several holders may keep the same commit."""


def holders_of(git: GitRepo) -> Iterator[CommitHolder]:
    """All holders of commits that no ref reaches."""
    stored = replace(git, raw=True)
    by_source: dict[str, list[str]] = {}
    for one in worktrees(git):
        for tip, source in existing_tips(replace(one.git, raw=True)):
            by_source.setdefault(_shown(git, source), []).append(tip)
    for source, tips in sorted(by_source.items()):
        listed = "".join(f"{tip}\n" for tip in tips).encode()
        count = int(run(stored, ["rev-list", "--count", "--stdin", "--not", "--all"], stdin=listed))
        if count:
            yield CommitHolder(source, count)


def _shown(git: GitRepo, source: str) -> str:
    """`source` with the file relative to the Git directory."""
    return source.replace(f"{os.fspath(git.common_dir)}/", "")
