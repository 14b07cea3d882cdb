"""The methods that manage remotes: `project.remote`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, StrPath, scope_of

if TYPE_CHECKING:
    from dver.ops.share.remote import Remote, RemoteCheck, RemovedRemote, RenamedRemote


class RemoteMethods(ProjectHandle):
    """Methods that manage remotes: `project.remote`."""

    __slots__ = ()

    def add(self, name: str, url: StrPath, *, default: bool = False, local: bool = False) -> Remote:
        """Add a remote, without contacting it.

        Args:
            name: Its name in commands and settings.
            url: A directory relative to the project's root, a bucket (`s3://…`), or any URL that fsspec supports.
            default: Make it the default remote.
            local: Write to this clone's uncommitted config.

        Raises:
            ConflictError: A remote of this name has another URL.
            RepositoryError: The URL is invalid.
        """
        from dver.ops.share import remote as remotes

        with self._open() as repo:
            return remotes.add(repo, name, os.fspath(url), default=default, scope=scope_of(local=local))

    def list(self) -> tuple[Remote, ...]:
        """All remotes, sorted by name."""
        from dver.ops.share import remote as remotes

        with self._open() as repo:
            return tuple(remotes.list_remotes(repo))

    def set(self, name: str, key: str, value: str, *, local: bool = False) -> None:
        """Change a setting of a remote.

        Args:
            name: The remote.
            key: The setting; docs/config.md lists them.
            value: Its new value, as on the command line.
            local: Write to this clone's uncommitted config, as needed for secrets.

        Raises:
            UsageError: The remote, the setting or the value is invalid.
        """
        from dver.ops.share import remote as remotes

        with self._open() as repo:
            remotes.change_setting(repo, name, key, value, scope=scope_of(local=local))

    def remove(self, name: str) -> RemovedRemote:
        """Remove the remote `name` from the configuration. Its data stays."""
        from dver.ops.share import remote as remotes

        with self._open() as repo:
            return remotes.remove(repo, name)

    def rename(self, old: str, new: str) -> RenamedRemote:
        """Rename the remote `old` to `new` in all its settings. Its data stays."""
        from dver.ops.share import remote as remotes

        with self._open() as repo:
            return remotes.rename(repo, old, new)

    def default(self, name: str | None = None, *, local: bool = False) -> Remote | None:
        """The default remote, or None.

        Args:
            name: Make this remote the default one first.
            local: Write that to this clone's uncommitted config.
        """
        from dver.ops.share import remote as remotes

        with self._open() as repo:
            if name is not None:
                return remotes.set_default(repo, name, scope=scope_of(local=local))
            return remotes.default_remote(repo)

    def check(self, name: str | None = None, *, abort_uploads: bool = False) -> RemoteCheck:
        """Test what a remote can do and how fast it is, with two small test objects.

        Args:
            name: By default the default remote.
            abort_uploads: Abort incomplete uploads that are older than a day.

        Raises:
            RemoteError: The remote cannot be reached or read.
        """
        from dver.ops.share import remote as remotes

        with self._open() as repo:
            return remotes.check(repo, name, abort_uploads=abort_uploads)
