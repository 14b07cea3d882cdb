"""fsspec's plugins with special rules, by protocol (`PLUGINS`). The tests run a server for each."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from dver.remote.backends.fsspec_plugins import Plugin, key_file, server_address, without_none
from dver.remote.settings import RemoteSettings

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_TIMEOUT: Final = 60
_SINGLE_PUT: Final = 34 * 2**20
_PIECE: Final = 2**18


class GoogleStorage(Plugin):
    """gs://, by gcsfs."""

    package = "dver[gs]"
    loggers = ("gcsfs", "google", "fsspec")
    single_put = _SINGLE_PUT
    has_directories = False

    def open(self, settings: RemoteSettings) -> tuple[AbstractFileSystem, str]:
        # The class that the plugin registers first asks for the type of each bucket by gRPC, which only Google's
        # servers support.
        from gcsfs.core import GCSFileSystem

        token = "anon" if settings.anonymous else key_file(settings)
        options = without_none(token=token, endpoint_url=settings.endpoint_url)
        fs = GCSFileSystem(use_listings_cache=False, skip_instance_cache=True, **options)
        return fs, settings.url.partition("://")[2]


class AzureStorage(Plugin):
    """az:// and abfs://, by adlfs."""

    package = "dver[azure]"
    loggers = ("adlfs", "azure", "fsspec")
    single_put = _SINGLE_PUT
    has_directories = False

    def options(self, settings: RemoteSettings) -> dict[str, Any]:
        if settings.endpoint_url is not None and settings.connection_string is None:
            # The plugin accepts an address with http:// and a port only in a connection string.
            return {"connection_string": _connection_string(settings)}
        return without_none(
            account_name=settings.account,
            account_key=settings.account_key,
            sas_token=settings.sas_token,
            connection_string=settings.connection_string,
            anon=settings.anonymous or None,
        )


class Sftp(Plugin):
    """sftp:// and ssh://, by sshfs and asyncssh. Reads ~/.ssh/config, asks the agent, and checks ~/.ssh/known_hosts."""

    package = "dver[ssh]"
    loggers = ("asyncssh", "sshfs")

    def open(self, settings: RemoteSettings) -> tuple[AbstractFileSystem, str]:
        from sshfs import SSHFileSystem

        server = server_address(settings)
        key = key_file(settings)
        options = without_none(
            port=server.port,
            username=server.user,
            password=settings.password,
            client_keys=None if key is None else [key],
        )
        # By default sshfs accepts any host key; `()` stands for the files of OpenSSH.
        fs = SSHFileSystem(
            server.host,
            known_hosts=(),
            connect_timeout=_TIMEOUT,
            keepalive_interval=15,
            skip_instance_cache=True,
            **options,
        )
        return fs, server.path or "/"

    def read(self, fs: AbstractFileSystem, path: str, start: int, end: int | None) -> bytes:
        import asyncssh

        # sshfs's cat_file ignores the range.
        try:
            with fs.open(path, "rb") as file:
                file.seek(start)
                return bytes(file.read() if end is None else file.read(end - start))
        except asyncssh.SFTPError as error:
            # The protocol has no error code for a directory.
            if isinstance(error, asyncssh.SFTPFailure) and fs.isdir(path):
                raise IsADirectoryError(path) from error
            raise

    def move(self, fs: AbstractFileSystem, source: str, target: str) -> None:
        # fsspec sets this method on each instance, so the class seems to have the default one.
        fs.mv(source, target)


class WebDav(Plugin):
    """webdav:// for http and webdavs:// for https, by webdav4 and httpx. Each call is one request."""

    package = "dver[webdav]"
    loggers = ("httpx", "httpcore")

    def open(self, settings: RemoteSettings) -> tuple[AbstractFileSystem, str]:
        from webdav4.fsspec import WebdavFileSystem

        server = server_address(settings)
        scheme = "https" if settings.url.startswith("webdavs:") else "http"
        host = f"[{server.host}]" if ":" in server.host else server.host
        base = f"{scheme}://{host}" if server.port is None else f"{scheme}://{host}:{server.port}"
        auth = (server.user, settings.password or "") if server.user is not None else None
        # `Retrier` does the retries.
        fs = WebdavFileSystem(base, auth=auth, timeout=_TIMEOUT, retry=False)
        return fs, server.path.rstrip("/")

    def read(self, fs: AbstractFileSystem, path: str, start: int, end: int | None) -> bytes:
        headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}", "Accept-Encoding": "identity"}
        http = fs.client.http
        response = http.request("GET", fs.client.join_url(path), headers=headers)
        if response.status_code == 416:
            return b""
        if response.status_code in (404, 405) or (response.status_code == 200 and fs.info(path)["type"] != "file"):
            raise FileNotFoundError(path)
        response.raise_for_status()
        content = bytes(response.content)
        return content if response.status_code == 206 else content[start:end]

    def write(self, fs: AbstractFileSystem, path: str, chunks: Iterator[bytes], size: int) -> None:
        # The plugin writes a local file first, and sends it even if writing it failed.
        fs.client.request("PUT", path, content=chunks, headers={"Content-Length": str(size)})

    def move(self, fs: AbstractFileSystem, source: str, target: str) -> None:
        fs.client.move(source, target, overwrite=True)


class Ftp(Plugin):
    """ftp://, by fsspec and ftplib. Nothing is encrypted."""

    threads_share = False  # one connection runs one command at a time

    def open(self, settings: RemoteSettings) -> tuple[AbstractFileSystem, str]:
        from fsspec.implementations.ftp import FTPFileSystem

        server = server_address(settings)
        fs = FTPFileSystem(
            server.host,
            port=server.port or 21,
            username=server.user,
            password=settings.password,
            timeout=_TIMEOUT,
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        return fs, server.path.rstrip("/")

    def read(self, fs: AbstractFileSystem, path: str, start: int, end: int | None) -> bytes:
        import ftplib

        if fs.info(path)["type"] != "file":
            raise IsADirectoryError(path)
        pieces, wanted = [], None if end is None else end - start
        fs.ftp.voidcmd("TYPE I")
        with fs.ftp.transfercmd(f"RETR {path}", rest=start or None) as connection:
            while wanted != 0 and (piece := connection.recv(_PIECE if wanted is None else min(_PIECE, wanted))):
                pieces.append(piece)
                wanted = None if wanted is None else wanted - len(piece)
        # A server with more to send reports the closed connection as an error.
        with suppress(ftplib.Error):
            fs.ftp.voidresp()
        return b"".join(pieces)

    def write(self, fs: AbstractFileSystem, path: str, chunks: Iterator[bytes], size: int) -> None:
        # The plugin's own files open a connection for every 64 KiB.
        fs.ftp.voidcmd("TYPE I")
        try:
            with fs.ftp.transfercmd(f"STOR {path}") as connection:
                for chunk in chunks:
                    connection.sendall(chunk)
        finally:
            fs.ftp.voidresp()

    def remove(self, fs: AbstractFileSystem, path: str) -> None:
        import ftplib

        try:
            fs.rm_file(path)
        except ftplib.error_perm as error:
            if not fs.exists(path):
                raise FileNotFoundError(path) from error
            raise


class Smb(Plugin):
    """smb://host/share/path, by fsspec and smbprotocol."""

    package = "dver[smb]"
    loggers = ("smbprotocol", "spnego")

    def open(self, settings: RemoteSettings) -> tuple[AbstractFileSystem, str]:
        from fsspec.implementations.smb import SMBFileSystem

        server = server_address(settings)
        fs = SMBFileSystem(
            server.host,
            port=server.port,
            username=server.user,
            password=settings.password,
            timeout=_TIMEOUT,
            register_session_retries=0,  # `Retrier` does the retries
            share_access="rwd",
            skip_instance_cache=True,
        )
        for name in ("info", "ls", "_rm", "_open"):
            setattr(fs, name, _with_not_found(getattr(fs, name)))
        return fs, server.path.rstrip("/")

    def move(self, fs: AbstractFileSystem, source: str, target: str) -> None:
        import smbclient
        from smbprotocol.exceptions import SMBOSError

        try:
            smbclient.replace(_unc(fs, source), _unc(fs, target), port=fs.port or 445)
        except SMBOSError as error:
            if not fs.exists(target):
                raise
            # A file that another client has open, or replaces, cannot be replaced.
            raise TimeoutError(f"{target} is in use: {error}") from error


class Memory(Plugin):
    """memory://, a dictionary of fsspec's in this process."""

    def write(self, fs: AbstractFileSystem, path: str, chunks: Iterator[bytes], size: int) -> None:
        # A file that is written in pieces cannot grow while another thread lists it: BufferError.
        fs.pipe_file(path, b"".join(chunks))


def _with_not_found(method: Callable[..., Any]) -> Callable[..., Any]:
    """`method`, raising FileNotFoundError for any OSError that means a missing file."""

    @wraps(method)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return method(*args, **options)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                raise FileNotFoundError(error.errno, str(error)) from error
            raise

    return call


def _unc(fs: AbstractFileSystem, path: str) -> str:
    return f"\\\\{fs.host}" + path.replace("/", "\\")


def _connection_string(settings: RemoteSettings) -> str:
    protocol = str(settings.endpoint_url).partition("://")[0]
    parts = without_none(
        DefaultEndpointsProtocol=protocol,
        AccountName=settings.account,
        AccountKey=settings.account_key,
        SharedAccessSignature=settings.sas_token,
        BlobEndpoint=settings.endpoint_url,
    )
    return ";".join(f"{name}={value}" for name, value in parts.items())


PLUGINS: Final[dict[str, Plugin]] = {
    "gs": GoogleStorage(),
    "gcs": GoogleStorage(),
    "az": AzureStorage(),
    "abfs": AzureStorage(),
    "abfss": AzureStorage(),
    "sftp": Sftp(),
    "ssh": Sftp(),
    "webdav": WebDav(),
    "webdavs": WebDav(),
    "ftp": Ftp(),
    "smb": Smb(),
    "memory": Memory(),
}
"""Plugins by the scheme of the url; other schemes use `Plugin`."""
