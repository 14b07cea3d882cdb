"""How one of fsspec's file systems is used: opened with a remote's settings, and read, written and renamed in.

`Plugin` holds what suits most of them. Where one differs, `fsspec_protocols` has a subclass for it.
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
    """A file system that needs nothing special: memory://, and any protocol that dver has no rules for."""

    package: ClassVar[str | None] = None
    """What to install for it with pip; None if nobody knows."""
    loggers: ClassVar[tuple[str, ...]] = ()
    """Loggers of its libraries. They have no handler of their own and would print their warnings."""
    single_put: ClassVar[int] = 0
    """Bodies of fewer bytes are written under their own key in one atomic request."""
    has_directories: ClassVar[bool] = True
    """Directories have to be created before a file in them."""
    threads_share: ClassVar[bool] = True
    """Several threads can use one file system at once. If not, each thread gets its own."""

    def open(self, settings: RemoteSettings) -> tuple[AbstractFileSystem, str]:
        """The file system, and the path in it that stands for the remote's root."""
        from fsspec.core import url_to_fs

        # No cache of listings and no instance shared with the rest of the process: others write here too.
        fs, root = url_to_fs(settings.url, use_listings_cache=False, skip_instance_cache=True, **self.options(settings))
        return fs, str(root)

    def options(self, settings: RemoteSettings) -> dict[str, Any]:
        """What the file system is told beside the url."""
        return {}

    def read(self, fs: AbstractFileSystem, path: str, start: int, end: int | None) -> bytes:
        return bytes(fs.cat_file(path, start=start, end=end))

    def write(self, fs: AbstractFileSystem, path: str, chunks: Iterator[bytes], size: int) -> None:
        """Write a file of `size` bytes. Where that fails, a part of it may be left under `path`."""
        with fs.open(path, "wb") as file:
            for chunk in chunks:
                file.write(chunk)

    def move(self, fs: AbstractFileSystem, source: str, target: str) -> None:
        """Rename a file, replacing what is at `target`."""
        from fsspec import AbstractFileSystem

        if type(fs).mv is AbstractFileSystem.mv:
            # The default mv takes `[` and `*` in a path for a pattern.
            fs.cp_file(source, target)
            fs.rm_file(source)
        else:
            fs.mv(source, target)

    def remove(self, fs: AbstractFileSystem, path: str) -> None:
        """Delete a file. Raises FileNotFoundError if there is none."""
        fs.rm_file(path)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The parts of a url such as sftp://user@host:22/path."""

    host: str
    port: int | None
    user: str | None
    path: str


def address(settings: RemoteSettings) -> ServerAddress:
    """The parts of the remote's url. A user in it wins over the setting. Raises RepositoryError for what is no url."""
    authority, slash, path = settings.url.partition("://")[2].partition("/")
    try:
        parts = urlsplit(f"//{authority}")
        host, port, user = parts.hostname, parts.port, parts.username
    except ValueError:
        host, port, user = None, None, None
    if not host:
        raise RepositoryError(
            f"the url of the remote {settings.name!r} cannot be used: {settings.url!r}",
            why="it does not name a host, or its port is not a number",
            fix=f"`dver remote set {settings.name} url {settings.url.partition('://')[0]}://HOST/PATH`",
        )
    return ServerAddress(host, port, unquote(user) if user else settings.user, slash + path)


def key_file(settings: RemoteSettings) -> str | None:
    """The path of the key file, with ~ expanded."""
    return None if settings.key_file is None else str(Path(settings.key_file).expanduser())


def without_none(**options: object) -> dict[str, Any]:
    """The options that have a value."""
    return {name: value for name, value in options.items() if value is not None}
