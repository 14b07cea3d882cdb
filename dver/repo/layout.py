"""The paths of a project: its directory, the Git worktree, and the directories where dver keeps its own files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from dver.git.git_repo import GitRepo

PROJECT_DIR: Final = ".dver"
"""The directory that makes a directory of a Git worktree a dver project."""


@dataclass(frozen=True)
class Layout:
    """Where the files of a project are.

    Data paths are bytes, relative to the top of the Git worktree, without a slash at the end.
    """

    root: Path
    """The project's directory."""
    git: GitRepo
    cwd: Path | None = field(default=None)
    """The user's current directory; by default the root."""

    @cached_property
    def top(self) -> bytes:
        """The top of the Git worktree, absolute."""
        return os.fsencode(self.git.worktree)

    @cached_property
    def prefix(self) -> bytes:
        """The data path of the project's directory; empty at the top of the Git worktree."""
        relative = os.path.relpath(os.fsencode(self.root), self.top)
        return b"" if relative == b"." else relative

    @cached_property
    def subdirectory(self) -> str:
        """The user's current directory, relative to the top of the Git worktree; empty at the top or outside of it."""
        relative = os.fsdecode(os.path.relpath(self._cwd, os.path.realpath(self.top)))
        return "" if relative.split("/")[0] in (".", "..") else relative

    def absolute(self, path: bytes) -> bytes:
        """The absolute path of a data path."""
        return self.top + b"/" + path if path not in (b"", b".") else self.top

    def exists(self, path: bytes) -> bool:
        """Whether the worktree has anything at a data path; a dangling link counts."""
        return os.path.lexists(self.absolute(path))

    def shown(self, path: bytes) -> str:
        """A data path relative to the user's current directory, not quoted for a shell."""
        return os.fsdecode(os.path.relpath(self.absolute(path), self._cwd))

    @property
    def clone_dir(self) -> Path:
        """The directory of dver's own files for all worktrees of this clone."""
        return self.git.common_dir / "dver"

    @property
    def worktree_dir(self) -> Path:
        """The directory of dver's own files for this worktree."""
        return self.git.git_dir / "dver"

    @property
    def staging_dir(self) -> bytes:
        """The directory where files are written before they are renamed into the workspace."""
        return os.fsencode(self.worktree_dir / "stage")

    @property
    def database_file(self) -> Path:
        """The file of the index database."""
        return self.clone_dir / "index.db"

    @cached_property
    def settings_base(self) -> Path:
        """The base of relative paths in settings: the project's directory in the main worktree.

        The same relative path leads to the same directory from all worktrees of the clone.
        """
        if self.git.git_dir == self.git.common_dir:
            return self.root
        from dver.git.worktrees import main_worktree_dir

        return main_worktree_dir(self.git) / os.fsdecode(self.prefix)

    @cached_property
    def _cwd(self) -> bytes:
        return os.fsencode(self.cwd or self.root)
