"""The storage for a remote's settings."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Final

from dver.core.errors import RepositoryError
from dver.core.phrasing import quoted
from dver.remote.settings import RemoteSettings
from dver.remote.storage import Storage

_KNOWN: Final = ("s3", "s3a", "http", "https", "file")


def connect(settings: RemoteSettings, *, base: Path) -> Storage:
    """The storage at `settings.url`; a relative directory starts at `base`.

    Sends nothing: the first call of the storage connects, and imports libraries.
    """
    scheme, separator, _ = settings.url.partition("://")
    if not separator or scheme == "file":
        from dver.remote.backends.directory import DirectoryStorage

        return DirectoryStorage(directory_of(settings, base=base))
    if scheme in ("s3", "s3a"):
        from dver.remote.backends.s3 import S3Storage

        return S3Storage(settings)
    if scheme in ("http", "https"):
        from dver.remote.backends.http import HttpStorage

        return HttpStorage(settings)
    from dver.remote.backends.fsspec import FsspecStorage

    return FsspecStorage(settings)


def refuse_unknown_scheme(name: str, url: str, *, command: str) -> None:
    """Raise RepositoryError if no installed library supports the protocol of `url`. `command` sets another url."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme in _KNOWN:
        return
    from fsspec.registry import known_implementations, registry

    from dver.remote.backends.fsspec_protocols import PLUGINS

    known = {*_KNOWN, *PLUGINS, *known_implementations, *registry}
    if scheme not in known:
        near = get_close_matches(scheme, sorted(known), n=1, cutoff=0.5)
        raise RepositoryError(
            f"the url of the remote {name!r} has an unknown protocol: {scheme}://",
            why="neither dver nor an installed fsspec plugin supports it",
            fix=f"{command} {quoted(f'{near[0]}://{rest}')}" if near else f"{command} s3://BUCKET/PREFIX",
        )


def is_relative(url: str) -> bool:
    """Is `url` a directory with a relative path?"""
    return "://" not in url and not Path(url).expanduser().is_absolute()


def directory_of(settings: RemoteSettings, *, base: Path) -> Path:
    """The directory of a url that has no scheme, or file://."""
    if not settings.url.startswith("file://"):
        return base / Path(settings.url).expanduser()
    from urllib.parse import unquote

    host, _, path = settings.url.removeprefix("file://").partition("/")
    if host not in ("", "localhost"):
        raise RepositoryError(
            f"the url of the remote {settings.name!r} names another machine: {host!r}",
            why="file:// reaches only this machine's disks",
            fix="use file:///an/absolute/path, or the path of a directory",
        )
    return Path("/", unquote(path))


def remote_key(settings: RemoteSettings, *, base: Path) -> str:
    """A key that identifies the remote by its address, whatever its name."""
    scheme, separator, _ = settings.url.partition("://")
    if not separator or scheme == "file":
        return f"file://{directory_of(settings, base=base)}"
    return f"{settings.endpoint_url or ''} {settings.url}"
