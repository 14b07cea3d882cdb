"""Use of one of fsspec's file systems: open it with a remote's settings, read, write and rename.

`Plugin` suits most of them; `dver.remote.backends.fsspec_protocols` has subclasses for the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlsplit

from dver.core.errors import RepositoryError
from dver.remote.settings import RemoteSettings

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class Plugin:
    """A file system without special rules."""

    package: ClassVar[str | None] = None
    """The package to install with pip, if known."""
    loggers: ClassVar[tuple[str, ...]] = ()
    """Loggers of its libraries, which would print warnings because they have no handler."""
    single_put: ClassVar[int] = 0
    """Bodies of fewer bytes are written under their own key in one atomic request."""
    has_directories: ClassVar[bool] = True
    """Must directories be created before files in them?"""
    threads_share: ClassVar[bool] = True
    """Can several threads use one file system? If not, each thread gets its own."""

    def open(self, settings: RemoteSettings) -> tuple[AbstractFileSystem, str]:
        """Open the file system; returns it and the path of the remote's root in it."""
        from fsspec.core import url_to_fs

        # No cached lists and no shared instance, since other clients write to the remote.
        fs, root = url_to_fs(settings.url, use_listings_cache=False, skip_instance_cache=True, **self.options(settings))
        return fs, str(root)

    def options(self, settings: RemoteSettings) -> dict[str, Any]:
        """Arguments for the file system in addition to the url."""
        return {}

    def read(self, fs: AbstractFileSystem, path: str, start: int, end: int | None) -> bytes:
        return bytes(fs.cat_file(path, start=start, end=end))

    def write(self, fs: AbstractFileSystem, path: str, chunks: Iterator[bytes], size: int) -> None:
        """Write a file of `size` bytes. A failure may leave a part of it at `path`."""
        with fs.open(path, "wb") as file:
            for chunk in chunks:
                file.write(chunk)

    def move(self, fs: AbstractFileSystem, source: str, target: str) -> None:
        """Rename a file, replacing `target`."""
        from fsspec import AbstractFileSystem

        if type(fs).mv is AbstractFileSystem.mv:
            # The default mv treats `[` and `*` in a path as a pattern.
            fs.cp_file(source, target)
            fs.rm_file(source)
        else:
            fs.mv(source, target)

    def remove(self, fs: AbstractFileSystem, path: str) -> None:
        """Delete a file. Raises FileNotFoundError."""
        fs.rm_file(path)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The parts of a url such as sftp://user@host:22/path."""

    host: str
    port: int | None
    user: str | None
    path: str


def server_address(settings: RemoteSettings) -> ServerAddress:
    """Parse the remote's url; a user in it overrides the setting. Raises RepositoryError for an invalid url."""
    authority, slash, path = settings.url.partition("://")[2].partition("/")
    try:
        parts = urlsplit(f"//{authority}")
        host, port, user = parts.hostname, parts.port, parts.username
    except ValueError:
        host, port, user = None, None, None
    if not host:
        raise RepositoryError(
            f"the url of the remote {settings.name!r} is not valid: {settings.url!r}",
            why="it has no host, or its port is not a number",
            fix=f"`dver remote set {settings.name} url {settings.url.partition('://')[0]}://HOST/PATH`",
        )
    return ServerAddress(host, port, unquote(user) if user else settings.user, slash + path)


def key_file(settings: RemoteSettings) -> str | None:
    """The path of the key file with ~ expanded."""
    return None if settings.key_file is None else str(Path(settings.key_file).expanduser())


def without_none(**options: object) -> dict[str, Any]:
    """The options that have a value."""
    return {name: value for name, value in options.items() if value is not None}
