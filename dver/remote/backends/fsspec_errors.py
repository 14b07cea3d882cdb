"""Translation of errors from fsspec's plugins and their libraries."""

from __future__ import annotations

import errno
import re
import sys
from typing import Final

from dver.core.errors import RemoteError
from dver.remote.failures import TRANSIENT_STATUSES, TransientError, UnreachableError, one_line
from dver.remote.settings import RemoteSettings

# Only imported modules are looked up: no other one can raise an error.
_LIBRARY_ERRORS: Final = (
    ("aiohttp", "ClientError"),
    ("asyncssh.misc", "Error"),
    ("asyncssh.public_key", "KeyImportError"),
    ("azure.core.exceptions", "AzureError"),
    ("ftplib", "Error"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("httpx", "HTTPError"),
    ("paramiko.ssh_exception", "SSHException"),
    ("smbprotocol.exceptions", "SMBException"),
    ("webdav4.client", "ClientError"),
)
_TRANSIENT: Final = frozenset(
    {
        "aiohttp.ClientConnectionError",
        "aiohttp.ClientPayloadError",
        "asyncssh.ConnectionLost",
        "asyncssh.SFTPConnectionLost",
        "asyncssh.SFTPNoConnection",
        "azure.ServiceRequestError",
        "azure.ServiceResponseError",
        "builtins.EOFError",
        "ftplib.error_temp",
        "httpx.TransportError",
        "smbprotocol.SMBConnectionClosed",
        "webdav4.ResourceLocked",
    }
)
_UNREACHABLE: Final = frozenset(
    {
        "aiohttp.ClientConnectorError",
        "httpx.ConnectError",
        "httpx.ConnectTimeout",
        "socket.gaierror",
    }
)
_REFUSED: Final = frozenset(
    {
        "asyncssh.PermissionDenied",
        "azure.ClientAuthenticationError",
        "google.GoogleAuthError",
        "smbprotocol.LogonFailure",
        "smbprotocol.SMBAuthenticationError",
    }
)
_TRANSIENT_ERRNOS: Final = frozenset(
    {errno.ECONNABORTED, errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT, errno.EBUSY, errno.EAGAIN}
)
_UNREACHABLE_ERRNOS: Final = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})
_LOCKED: Final = 423  # by another WebDAV client
_NOT_LOGGED_IN: Final = re.compile(r"^530 |Server failed to authenticate")
"""Messages of FTP servers and Azure about wrong credentials."""
READ_ONLY: Final = (PermissionError, NotImplementedError)
"""Errors of plugins that cannot write, or have no permission to."""


def plugin_failures() -> tuple[type[Exception], ...]:
    """The exceptions that fsspec and its plugins may raise; any other is a bug."""
    found = [getattr(sys.modules[module], name) for module, name in _LIBRARY_ERRORS if module in sys.modules]
    return (OSError, ValueError, RuntimeError, EOFError, *found)


def translate(error: Exception, action: str, settings: RemoteSettings) -> RemoteError:
    """The error to raise for `error`; `action` ("read 'x'") completes its "cannot …"."""
    url = settings.url.rstrip("/")
    why = one_line(error)
    names = _names(error)
    number = error.errno if isinstance(error, OSError) else None
    status = _status(error)
    if isinstance(error, ConnectionRefusedError) or number in _UNREACHABLE_ERRNOS or names & _UNREACHABLE:
        return UnreachableError(f"cannot reach {url}", why=why, fix="check the network and the address")
    if (
        isinstance(error, (ConnectionError, TimeoutError))
        or number in _TRANSIENT_ERRNOS
        or status in TRANSIENT_STATUSES
        or status == _LOCKED
        or names & _TRANSIENT
    ):
        return TransientError(
            f"cannot {action} on {url}",
            why=f"the connection was lost, or the server is busy: {why}",
            fix="check the network, then run the same command again",
        )
    if "asyncssh.HostKeyNotVerifiable" in names:
        host = url.partition("://")[2].partition("/")[0]
        return RemoteError(
            f"cannot reach {url}",
            why=f"the host key is not in ~/.ssh/known_hosts: {why}",
            fix=f"connect once with `ssh {host}`, compare the key and accept it",
        )
    if status == 401 or names & _REFUSED or _NOT_LOGGED_IN.search(str(error)):
        return RemoteError(
            f"cannot {action} on {url}",
            why=f"the server does not accept the credentials: {why}",
            fix=f"set them for this clone: `dver remote set --local {settings.name or 'NAME'} {_credential(url)}`",
        )
    if isinstance(error, READ_ONLY) or status in (403, 405):
        return RemoteError(
            f"cannot {action} on {url}",
            why=f"permission denied, or the protocol does not support it: {why}",
            fix="check your permissions on the server, or use another remote",
        )
    return RemoteError(f"cannot {action} on {url}", why=why, fix="check the server and the settings of the remote")


def _names(error: BaseException | None) -> set[str]:
    """The classes of `error` and its causes: the first part of the module, and the class name."""
    if error is None:
        return set()
    own = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    return own | _names(error.__cause__)


def _status(error: Exception) -> int | None:
    """The HTTP status in an error of any library."""
    response = getattr(error, "response", None)
    for holder, name in ((response, "status_code"), (error, "status_code"), (error, "status"), (error, "code")):
        value = getattr(holder, name, None)
        if isinstance(value, int) and 100 <= value < 600:
            return value
    return None


def _credential(url: str) -> str:
    scheme = url.partition("://")[0]
    if scheme in ("gs", "gcs"):
        return "key_file FILE"
    return "account_key KEY" if scheme in ("az", "abfs", "abfss") else "password PASSWORD"
