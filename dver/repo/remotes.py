"""The remotes of a project: their settings, storages, mirrors and catalogs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dver.core.errors import RepositoryError

if TYPE_CHECKING:
    from dver.remote.index.catalog import Catalog
    from dver.remote.index.mirror import Mirror
    from dver.remote.settings import RemoteSettings
    from dver.remote.storage import Storage
    from dver.remote.urls.url_files import UrlFiles
    from dver.repo.repository import Repository


@dataclass(frozen=True, slots=True)
class Remotes:
    """Remotes by name; None is the default remote. Every method raises RepositoryError where none is configured."""

    _repo: Repository

    def settings(self, name: str | None = None) -> RemoteSettings:
        """The settings of a remote."""
        from dver.remote.settings import parse

        config = self._repo.config
        chosen = name or config.default_remote
        if chosen is None:
            raise RepositoryError(
                "no remote is configured",
                why="there is nowhere to push to or to pull from",
                fix="dver remote add -d origin s3://BUCKET/PREFIX (or a directory)",
            )
        return parse(chosen, config.remote_table(chosen))

    def connect(self, name: str | None = None) -> Storage:
        """The storage of a remote. A Git hook contacts trusted addresses only."""
        from dver.remote.backends.connect import connect

        settings = self.settings(name)
        if self._repo.in_hook:
            self._repo.config.refuse_untrusted(settings.name)
        return connect(settings, base=self._base_of(settings))

    def jobs(self, name: str | None = None) -> int | None:
        """The configured number of simultaneous transfers, if any."""
        return self.settings(name).jobs or self._repo.config.jobs

    def mirror(self, name: str | None = None) -> Mirror:
        """This clone's copy of a remote's indexes."""
        from dver.remote.backends.connect import remote_key
        from dver.remote.index.mirror import Mirror

        settings = self.settings(name)
        return Mirror(self._repo.database, remote_key(settings, base=self._base_of(settings)))

    def catalog(self, name: str | None = None, *, jobs: int | None = None) -> Catalog:
        """The catalog of a remote's objects, for one transfer with up to `jobs` simultaneous requests."""
        from dver.remote.index.catalog import Catalog
        from dver.remote.parallel import JOBS

        return Catalog(self.mirror(name), self.connect(name), jobs=jobs or self.jobs(name) or JOBS)

    def url_files(self, base: Path) -> UrlFiles:
        """Reads files at URLs outside of the project; relative paths start at `base`."""
        from dver.remote.urls.url_files import UrlFiles

        return UrlFiles(self._valid_settings(), base=base)

    def _valid_settings(self) -> Iterator[RemoteSettings]:
        """The settings of all remotes but those that are not valid; the default remote first."""
        default = self._repo.config.default_remote
        for name in sorted(self._repo.config.remote_names, key=lambda name: (name != default, name)):
            with suppress(RepositoryError):
                yield self.settings(name)

    def _base_of(self, settings: RemoteSettings) -> Path:
        from dver.remote.backends.connect import is_relative

        layout = self._repo.layout
        return layout.settings_base if is_relative(settings.url) else layout.root
