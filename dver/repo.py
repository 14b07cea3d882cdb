"""A dver project: where things are, and the parts that work on it, made when they are first needed. No verbs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from dver.core.errors import RepositoryError
from dver.core.locks import locked
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry
from dver.git import index
from dver.git.git_repo import GitRepo, discover
from dver.git.no_project import no_project

# The parts are imported when they are made: with SQLite, zstd and the rest they take a third of the time of a command
# that needs none of them, such as `dver status` where nothing is tracked.
if TYPE_CHECKING:
    from dver.config import Config, ConfigPaths
    from dver.remote.index.catalog import Catalog
    from dver.remote.index.mirror import Mirror
    from dver.remote.settings import RemoteSettings
    from dver.remote.storage import Storage
    from dver.store.objects.database import Database
    from dver.store.objects.file_creation import Sharing
    from dver.store.objects.loose import LinkMode
    from dver.store.store import Store
    from dver.workspace.scan.ignore import Ignore, IgnoreRules
    from dver.workspace.scan.scanner import Intake, Scanner, Snapshot
    from dver.workspace.scan.stat_cache import StatCache
    from dver.workspace.state.followed import Followed
    from dver.workspace.state.placed import Placed
    from dver.workspace.state.store_links import StoreLinks

PROJECT_FOLDER: Final = ".dver"


class Repository:
    """The project whose folder is `root`, in the Git worktree `git`.

    Data paths are bytes, relative to the top of the Git worktree. `cwd`, by default the root, is where the user stands.
    With `in_hook`, Git runs the command and not the user: only addresses that are trusted are contacted.
    """

    def __init__(self, root: Path, git: GitRepo, *, cwd: Path | None = None, in_hook: bool = False) -> None:
        self.root = root
        self.git = git
        self.in_hook = in_hook
        self._cwd = os.fsencode(cwd or root)
        self._placed_read: tuple[tuple[int, int, int], Placed] | None = None
        """What `placed` last answered with, and the inode, mtime and size of its file then."""
        self.foreign_links: set[bytes] = set()
        """The data paths of links into a store that is not the one in use, as far as scans have met any."""
        self.staged: dict[bytes, None] = {}
        """The files that were staged for Git, in order."""
        self.not_staged: dict[bytes, None] = {}
        """The files that were changed and not staged, since they have changes of the user's that are not staged."""

    @classmethod
    def open(cls, cwd: Path) -> Self:
        """The project that the directory `cwd` belongs to. Raises RepositoryError if there is none."""
        git = discover(cwd)
        for folder in (here := Path(os.path.realpath(cwd)), *here.parents):
            if (folder / PROJECT_FOLDER).is_dir():
                return cls(folder, git, cwd=here)
            if folder == git.worktree:
                break
        raise no_project(cwd, git, PROJECT_FOLDER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of open files."""
        for name in ("store", "database"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    # -- places

    @cached_property
    def top(self) -> bytes:
        """The top of the Git worktree, absolute."""
        return os.fsencode(self.git.worktree)

    @cached_property
    def prefix(self) -> bytes:
        """The project's folder, relative to the top of the Git worktree; empty where they are the same."""
        relative = os.path.relpath(os.fsencode(self.root), self.top)
        return b"" if relative == b"." else relative

    @cached_property
    def here(self) -> str:
        """The folder in which the user stands, relative to the top of the Git worktree; empty for that."""
        relative = os.fsdecode(os.path.relpath(self._cwd, os.path.realpath(self.top)))
        return "" if relative == "." or relative.startswith("..") else relative

    def absolute(self, path: bytes) -> bytes:
        """Where the data path `path` is."""
        return self.top + b"/" + path if path not in (b"", b".") else self.top

    def shown(self, path: bytes) -> str:
        """The data path `path` as the user would type it, where the user stands; not quoted for a shell."""
        return os.fsdecode(os.path.relpath(self.absolute(path), self._cwd))

    @property
    def shared_folder(self) -> Path:
        """What dver keeps for all worktrees of this clone."""
        return self.git.common_dir / "dver"

    @property
    def worktree_folder(self) -> Path:
        """What dver keeps for this worktree."""
        return self.git.git_dir / "dver"

    @property
    def scratch(self) -> bytes:
        """Where files are made before they are moved into the workspace."""
        return os.fsencode(self.worktree_folder / "stage")

    @property
    def database_path(self) -> Path:
        """The file of the index database."""
        return self.shared_folder / "index.db"

    @property
    def store_root(self) -> Path:
        """The folder of the store."""
        chosen = self.config.cache_dir
        if chosen is None:
            return self.shared_folder / "store"
        return chosen if chosen.is_absolute() else Path(os.path.normpath(self.settings_base / chosen))

    @cached_property
    def settings_base(self) -> Path:
        """Where relative paths in settings start: the project's directory in the main worktree, so that they lead to
        the same place from all worktrees of the clone."""
        if self.git.git_dir == self.git.common_dir:
            return self.root
        from dver.git.worktrees import main_folder

        return main_folder(self.git) / os.fsdecode(self.prefix)

    # -- parts

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

    @cached_property
    def database(self) -> Database:
        """The index database."""
        from dver.store.objects.database import Database

        return Database(self.database_path)

    @cached_property
    def store(self) -> Store:
        """The store."""
        from dver.store.store import Store

        store = Store(self.store_root, self.database, self.sharing)
        store.register_clone()
        return store

    @property
    def sharing(self) -> Sharing:
        """Who else uses the store."""
        from dver.store.objects.file_creation import FOLDER_BITS, Sharing
        from dver.store.registered_clones import is_shared

        others = self.config.cache_dir is not None or is_shared(self.store_root)
        return Sharing(FOLDER_BITS[self.config.cache_shared], self.git.common_dir if others else None)

    @property
    def former_store(self) -> Path | None:
        """A store of this clone, not the one in use, that has something in it: what was used before `cache.dir` was
        set, or set to another place."""
        from dver.store.objects.file_creation import is_store

        own = self.shared_folder / "store"
        return own if own != self.store_root and is_store(own) else self.store.index.former_store()

    @cached_property
    def stat_cache(self) -> StatCache:
        """The stat cache."""
        from dver.workspace.scan.stat_cache import StatCache

        return StatCache(self.database)

    @property
    def link_mode(self) -> LinkMode:
        """How large files in the workspace relate to the store."""
        from dver.store.objects.loose import LinkMode

        return LinkMode(self.config.cache_link)

    def remote_settings(self, name: str | None = None) -> RemoteSettings:
        """The settings of the remote `name`, or of the default one. Raises RepositoryError."""
        from dver.remote.settings import parse

        chosen = name or self.config.default_remote
        if chosen is None:
            raise RepositoryError(
                "no remote is configured",
                why="there is nowhere to push to or to pull from",
                fix="dver remote add -d origin s3://BUCKET/PREFIX (or a folder)",
            )
        return parse(chosen, self.config.remote_table(chosen))

    def connect(self, name: str | None = None) -> Storage:
        """The storage of the remote `name`, or of the default one."""
        from dver.remote.backends.connect import connect

        settings = self.remote_settings(name)
        if self.in_hook:
            self.config.refuse_untrusted(settings.name)
        return connect(settings, base=self._base_of(settings))

    def _base_of(self, settings: RemoteSettings) -> Path:
        from dver.remote.backends.connect import is_relative

        return self.settings_base if is_relative(settings.url) else self.root

    def jobs(self, name: str | None = None) -> int | None:
        """How many transfers to and from the remote `name` run at once, where the configuration says so."""
        return self.remote_settings(name).jobs or self.config.jobs

    def mirror(self, name: str | None = None) -> Mirror:
        """What is known here of the remote `name`, or of the default one."""
        from dver.remote.backends.connect import remote_key
        from dver.remote.index.mirror import Mirror

        settings = self.remote_settings(name)
        return Mirror(self.database, remote_key(settings, base=self._base_of(settings)))

    def catalog(self, name: str | None = None, *, jobs: int | None = None) -> Catalog:
        """What the remote `name`, or the default one, holds, to be asked during a transfer; `jobs` at once."""
        from dver.remote.index.catalog import Catalog
        from dver.remote.parallel import JOBS

        return Catalog(self.mirror(name), self.connect(name), jobs=jobs or self.jobs(name) or JOBS)

    # -- the workspace

    def scan(
        self,
        path: bytes,
        intake: Intake,
        *,
        root: bytes | None = None,
        ignore: IgnoreRules | None = None,
        progress: Progress = SILENT,
    ) -> Snapshot | None:
        """What there is at the data path `path`, in the workspace or below the folder `root`, without what `ignore`
        leaves out: by default what `.dverignore` names."""
        scanner = self._scanner(intake, ignore, progress)
        place = root + b"/" + path if root is not None else self.absolute(path)
        return self._noted(scanner.scan(place, os.path.basename(path)))

    def look(
        self,
        folder: bytes,
        names: Sequence[bytes],
        intake: Intake,
        *,
        ignore: IgnoreRules | None = None,
        progress: Progress = SILENT,
    ) -> Snapshot | None:
        """What there is under `names` in the folder at the data path `folder`: a directory with only these. `ignore` is
        as of `scan`."""
        return self._noted(self._scanner(intake, ignore, progress).look(self.absolute(folder), names))

    def _noted(self, snapshot: Snapshot | None) -> Snapshot | None:
        if snapshot is not None:
            self.foreign_links.update(os.path.relpath(link.path, self.top) for link in snapshot.foreign)
        return snapshot

    def ignore(self) -> Ignore:
        """The rules of `.dverignore` files."""
        from dver.workspace.scan.ignore import Ignore

        return Ignore(os.fsencode(self.root))

    def _scanner(self, intake: Intake, ignore: IgnoreRules | None, progress: Progress) -> Scanner:
        from dver.workspace.scan.scanner import Scanner

        rules, ctimes = ignore or self.ignore(), self.config.cache_link != "hardlink"
        return Scanner(
            self.stat_cache,
            intake,
            ignore=rules,
            links=self.links,
            ctimes=ctimes,
            lag=lambda: self.disk_lag,
            progress=progress,
        )

    @cached_property
    def disk_lag(self) -> int:
        """By how many ns the clock of the worktree's disk is behind this machine's."""
        from dver.core.clock import disk_lag

        return disk_lag(self.worktree_folder)

    @property
    def links(self) -> StoreLinks:
        """Recognises links that `cache.link = symlink` has made."""
        from dver.workspace.state.store_links import StoreLinks

        return StoreLinks(self.store)

    def trees(
        self, snapshots: Sequence[Snapshot], *, stored: Callable[[Oid], Sequence[Entry]] | None = None
    ) -> Callable[[Oid], Sequence[Entry]]:
        """A reader of directories that were scanned, or are in the store; `stored` reads the latter in its place."""

        def read(oid: Oid) -> Sequence[Entry]:
            for snapshot in snapshots:
                entries = snapshot.tree(oid)
                if entries is not None:
                    return entries
            return self.store.tree(oid) if stored is None else stored(oid)

        return read

    @property
    def placed(self) -> Placed:
        """What dver has put into this worktree. Read again where the file has changed."""
        from dver.workspace.state.placed import read_placed

        try:
            status = os.stat(self._placed_file)
        except FileNotFoundError:
            return {}
        key = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._placed_read is None or self._placed_read[0] != key:
            self._placed_read = key, read_placed(self._placed_file)
        return self._placed_read[1]

    @cached_property
    def partial(self) -> frozenset[bytes]:
        """Tracked directories of which only parts were ever checked out in this worktree."""
        from dver.workspace.state.placed import read_placed

        return frozenset(read_placed(self._partial_file))

    def note_partial(self, changes: Mapping[bytes, bool]) -> None:
        """Remember of some directories whether only parts of them are here."""
        from dver.workspace.state.placed import write_placed

        paths = {path for path in (*self.partial, *changes) if changes.get(path, True)}
        if paths != self.partial:
            write_placed(self._partial_file, dict.fromkeys(paths, ()))
        self.__dict__.pop("partial", None)

    def note_placed(self, changes: Mapping[bytes, tuple[Entry, ...]]) -> None:
        """Remember what dver has put at some paths; nothing means that it has taken all away."""
        from dver.workspace.state.placed import write_placed

        placed = {**self.placed, **changes}
        write_placed(self._placed_file, {path: entries for path, entries in placed.items() if entries})
        self._placed_read = None
        # Should the very same pointer come back, its data has to come anew.
        if nothing := [path for path, entries in changes.items() if not entries]:
            self.note_followed(dict.fromkeys(nothing))

    @property
    def followed(self) -> Followed:
        """What the pointers said when data last followed them in this worktree."""
        from dver.workspace.state.followed import read_followed

        return read_followed(self._followed_file)

    def note_followed(self, changes: Mapping[bytes, Entry | None]) -> None:
        """Remember what data at some paths has followed, be it as far as it could; None for nothing."""
        from dver.workspace.state.followed import mark_of

        before = self.followed
        marks = {**before.marks, **{path: mark_of(entry) if entry else "" for path, entry in changes.items()}}
        marks = {path: mark for path, mark in marks.items() if mark}
        if marks != before.marks:
            self.set_followed(replace(before, marks=marks, index=""))

    @property
    def noted_at(self) -> int:
        """When it was last noted what dver has put here or what data has followed, in nanoseconds."""
        files = [one for one in (self._placed_file, self._followed_file) if one.exists()]
        return max((one.stat().st_mtime_ns for one in files), default=0)

    def set_followed(self, followed: Followed) -> None:
        """Write down what `followed` says."""
        from dver.workspace.state.followed import write_followed

        write_followed(self._followed_file, followed)

    def stage(self, changed: Iterable[bytes], deleted: Iterable[bytes] = ()) -> None:
        """Stage for Git the files that dver wrote, and those that it deleted. Raises RepositoryError."""
        written, gone = list(changed), list(deleted)
        index.stage(self.git, written)
        index.remove_cached(self.git, gone)
        self.staged.update(dict.fromkeys((*written, *gone)))

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """No other process changes this worktree's data while the block runs. Raises ConflictError where this process
        does not wait for ever (`dver.core.locks.waiting`)."""
        with locked(self.worktree_folder / "lock"):
            self._placed_read = None
            yield

    @property
    def _partial_file(self) -> Path:
        return self.worktree_folder / "partial.json"

    @property
    def _followed_file(self) -> Path:
        from dver.workspace.state.followed import FILE

        return self.git.git_dir / FILE

    @property
    def _placed_file(self) -> Path:
        return self.worktree_folder / "placed.json"
