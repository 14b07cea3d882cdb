"""The class `Project`: every command of the command line as a method.

The methods are in one module for each section of `dver --help`, and verbs with subcommands are groups of methods.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from dver.api.compare import CompareMethods
from dver.api.experiments import ExperimentMethods
from dver.api.handle import StrPath
from dver.api.inspect import InspectMethods
from dver.api.maintain import MaintainMethods
from dver.api.progress import ProgressCallback
from dver.api.quality import QualityMethods
from dver.api.release import ReleaseMethods
from dver.api.run import RunMethods
from dver.api.setup import SetupMethods
from dver.api.share import ShareMethods
from dver.api.track import TrackMethods
from dver.repo import PROJECT_DIR, Repository


class Project(
    TrackMethods,
    InspectMethods,
    ShareMethods,
    QualityMethods,
    RunMethods,
    ExperimentMethods,
    CompareMethods,
    ReleaseMethods,
    SetupMethods,
    MaintainMethods,
):
    """A dver project. Make one with `find`, `open`, `clone` or `init`.

    Relative paths start from `cwd`. Paths in results are bytes and start at the top of the Git worktree;
    `project.path(one)` makes absolute paths of them.

    A project holds nothing open. It can be pickled, and threads may share it: each call opens the project anew. Calls
    that change the workspace wait for each other.
    """

    __slots__ = ()

    @classmethod
    def find(cls, cwd: StrPath | None = None) -> Self:
        """The project that contains the directory `cwd`, by default the current directory.

        Raises:
            RepositoryError: There is no project in it or above it.
        """
        start = Path(os.path.realpath(os.getcwd() if cwd is None else cwd))
        with Repository.open(start) as repo:
            return cls(repo.root, start)

    @classmethod
    def open(cls, path: StrPath) -> Self:
        """The project in the directory `path`, which has the directory `.dver`.

        Raises:
            RepositoryError: There is no project in it.
        """
        from dver.git.git_repo import discover
        from dver.git.no_project import no_project

        directory = Path(os.path.realpath(path))
        if not (directory / PROJECT_DIR).is_dir():
            raise no_project(directory, discover(directory), PROJECT_DIR)
        return cls(directory, directory)

    @classmethod
    def init(cls, path: StrPath, *, hooks: bool = True) -> Self:
        """Create a project in the directory `path` of a Git repository. Running it again is safe.

        Args:
            hooks: Install Git hooks and drivers.

        Raises:
            RepositoryError: The directory is in no Git repository.
            ConflictError: `.dver` is not a directory.
        """
        from dver.ops.track.init import init

        root = init(Path(path), hooks=hooks).root
        return cls(root, root)

    @classmethod
    def clone(
        cls,
        url: StrPath,
        path: StrPath,
        *,
        rev: str | None = None,
        directory: StrPath = "",
        hooks: bool = True,
        pull: bool = True,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Clone a Git repository with its project, and pull the data.

        Args:
            url: Anything that Git can clone. Git never asks for a password here.
            path: A new or empty directory.
            rev: Check out this branch, tag or commit.
            directory: The directory of the project in the repository, if it is not its top.
            hooks: Install Git hooks and drivers.
            pull: Download and check out all data.
            progress: As in `pull`.

        Raises:
            ConflictError: The directory is not empty.
            RemoteError: Git or dver cannot reach a remote.
            RepositoryError: There is no repository, or no project in it.
            UsageError: The revision is unknown.
            MissingObjectError, CorruptError: Data is missing or damaged on the remote. The clone stays.
        """
        from dver.git.clone import clone
        from dver.ops.setup.install import install

        git = clone(os.fspath(url), Path(path), rev=rev)
        project = cls.open(git.worktree / directory)
        install(project.root, hooks=hooks)
        if pull:
            project.pull(progress=progress)
        return project
