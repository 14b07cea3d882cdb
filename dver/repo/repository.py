"""The repository: the services of one project, each made when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dver.core.worktree_lock import locked
from dver.git import index
from dver.git.git_repo import GitRepo, discover
from dver.git.no_project import no_project
from dver.repo.layout import PROJECT_DIR, Layout
from dver.repo.remotes import Remotes

# Each service is imported when it is created. SQLite, zstd and the rest would take a third of the time of a command
# that needs none of them, such as `dver status` without tracked data.
if TYPE_CHECKING:
    from dver.config import Config, ConfigPaths
    from dver.repo.workspace_scan import WorkspaceScan
    from dver.repo.workspace_state import WorkspaceState
    from dver.store.objects.database import Database
    from dver.store.objects.file_creation import Sharing
    from dver.store.objects.loose import LinkMode
    from dver.store.store import Store


class Repository:
    """The project with the directory `root`, in the Git worktree `git`.

    `cwd`, by default the root, is the user's current directory. `in_hook` says that Git runs the command and not the
    user: then only trusted addresses are contacted.
    """

    def __init__(self, root: Path, git: GitRepo, *, cwd: Path | None = None, in_hook: bool = False) -> None:
        self.root = root
        self.git = git
        self.in_hook = in_hook
        self.layout = Layout(root, git, cwd)
        self.remotes = Remotes(self)
        self.staged: dict[bytes, None] = {}
        """Files that this command staged for Git, in order."""
        self.not_staged: dict[bytes, None] = {}
        """Files that this command changed and did not stage, because they have unstaged changes of the user's."""

    @classmethod
    def open(cls, cwd: Path) -> Self:
        """The project that the directory `cwd` belongs to. Raises RepositoryError if there is none."""
        git = discover(cwd)
        for folder in (start := Path(os.path.realpath(cwd)), *start.parents):
            if (folder / PROJECT_DIR).is_dir():
                return cls(folder, git, cwd=start)
            if folder == git.worktree:
                break
        raise no_project(cwd, git, PROJECT_DIR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close open files."""
        for name in ("store", "database"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    # -- settings

    @cached_property
    def config_paths(self) -> ConfigPaths:
        """The configuration files."""
        from dver.config import ConfigPaths

        return ConfigPaths.of(self.root, self.git.common_dir)

    @cached_property
    def config(self) -> Config:
        """The configuration."""
        from dver.config import Config

        return Config.load(self.config_paths)

    def forget_config(self) -> None:
        """Read the configuration again when it is next needed."""
        self.__dict__.pop("config", None)

    # -- the store

    @cached_property
    def database(self) -> Database:
        """The index database."""
        from dver.store.objects.database import Database

        return Database(self.layout.database_file)

    @cached_property
    def store(self) -> Store:
        """The store."""
        from dver.store.store import Store

        store = Store(self.store_dir, self.database, self.sharing)
        store.register_clone()
        return store

    @property
    def store_dir(self) -> Path:
        """The directory of the store."""
        chosen = self.config.cache_dir
        if chosen is None:
            return self.layout.clone_dir / "store"
        return chosen if chosen.is_absolute() else Path(os.path.normpath(self.layout.settings_base / chosen))

    @property
    def former_store_dir(self) -> Path | None:
        """The directory of a non-empty store that this clone used before `cache.dir` was set or changed."""
        from dver.store.objects.file_creation import is_store

        own = self.layout.clone_dir / "store"
        return own if own != self.store_dir and is_store(own) else self.store.index.former_store()

    @property
    def sharing(self) -> Sharing:
        """The permissions of files in the store, and whether other clones use it."""
        from dver.store.objects.file_creation import FOLDER_BITS, Sharing
        from dver.store.registered_clones import is_shared

        others = self.config.cache_dir is not None or is_shared(self.store_dir)
        return Sharing(FOLDER_BITS[self.config.cache_shared], self.git.common_dir if others else None)

    @property
    def link_mode(self) -> LinkMode:
        """How large files in the workspace share disk space with the store."""
        from dver.store.objects.loose import LinkMode

        return LinkMode(self.config.cache_link)

    # -- the workspace

    @cached_property
    def state(self) -> WorkspaceState:
        """The records that dver keeps of this worktree."""
        from dver.repo.workspace_state import WorkspaceState

        return WorkspaceState(self.git.git_dir)

    @cached_property
    def workspace(self) -> WorkspaceScan:
        """Scans of the workspace."""
        from dver.repo.workspace_scan import WorkspaceScan

        return WorkspaceScan(self)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Locks this worktree's data against other processes. Raises ConflictError if the wait for the lock ends."""
        with locked(self.layout.worktree_dir / "lock"):
            self.state.forget_read()
            yield

    def stage(self, changed: Iterable[bytes], deleted: Iterable[bytes] = ()) -> None:
        """Stage files for Git that dver wrote or deleted. Raises RepositoryError."""
        written, gone = list(changed), list(deleted)
        index.stage(self.git, written)
        index.remove_cached(self.git, gone)
        self.staged.update(dict.fromkeys((*written, *gone)))
