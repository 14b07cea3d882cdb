"""What a job needs to reach a remote: a plugin of dver, secrets, and commands that configure the clone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dver.core.phrasing import quoted


@dataclass(frozen=True, slots=True)
class RemoteAccess:
    """How jobs reach a remote."""

    extra: str | None = None
    """The extra of dver with its plugin."""
    environment: tuple[str, ...] = ()
    """Secrets that dver reads from variables of their names."""
    secrets: tuple[str, ...] = ()
    """Secrets that the commands of `setup` read from variables of their names."""
    setup: tuple[str, ...] = ()
    """Lines of shell that configure a fresh clone."""
    is_local: bool = False
    """Whether the remote is a directory, which only a runner on that machine has."""

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """The names of all secrets."""
        return (*self.environment, *self.secrets)


_KEYS_OF_AWS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_HOSTS: Final = "mkdir -p ~/.ssh && printf '%s\\n' \"$REMOTE_SSH_KNOWN_HOSTS\" >> ~/.ssh/known_hosts"


def access_of(name: str, table: Mapping[str, object]) -> RemoteAccess:
    """What jobs need for the remote `name` with the settings `table`."""
    url = str(table.get("url", ""))
    scheme, separator, _ = url.partition("://")
    if not separator or scheme == "file":
        return RemoteAccess(is_local=True)
    anonymous = table.get("anonymous") is True
    match scheme:
        case "s3" | "s3a":
            return RemoteAccess(environment=() if anonymous else _KEYS_OF_AWS)
        case "gs" | "gcs":
            return RemoteAccess("gs") if anonymous else _with_key(name, "gs", "GOOGLE_SERVICE_ACCOUNT_KEY", ())
        case "az" | "abfs" | "abfss" | "adl":
            keys = () if anonymous else ("AZURE_STORAGE_CONNECTION_STRING",)
            return RemoteAccess("azure", environment=keys)
        case "sftp" | "ssh":
            return _with_key(name, "ssh", "REMOTE_SSH_KEY", ("REMOTE_SSH_KNOWN_HOSTS",), _HOSTS)
        case "webdav" | "webdavs" | "smb" | "ftp":
            return _with_password(name, {"smb": "smb", "ftp": None}.get(scheme, "webdav"))
    return RemoteAccess()


def _with_key(name: str, extra: str, secret: str, more: tuple[str, ...], *lines: str) -> RemoteAccess:
    """Access with a file that has a key."""
    file = '"$HOME/.dver-remote-key"'
    return RemoteAccess(
        extra,
        secrets=(secret, *more),
        setup=(
            f"(umask 077 && printf '%s\\n' \"${secret}\" > {file})",
            *lines,
            f"dver remote set --local {quoted(name)} key_file {file}",
        ),
    )


def _with_password(name: str, extra: str | None) -> RemoteAccess:
    line = f"printf '%s' \"$REMOTE_PASSWORD\" | dver remote set --local {quoted(name)} password -"
    return RemoteAccess(extra, secrets=("REMOTE_PASSWORD",), setup=(line,))
