"""Errors of dver as the errors that users of a filesystem expect."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dver.core.errors import DverError
from dver.remote.failures import RefusedError, TransientError

_DENIED: Final = frozenset({"401", "403", "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


class DataReadError(OSError):
    """Data that exists and cannot be read: missing on the remote, corrupt, unproved, or in an unusable repository.

    It is no FileNotFoundError: libraries such as zarr take a missing file for an empty one.
    """


class RemoteConnectionError(DataReadError, ConnectionError):
    """A remote that cannot be reached, or breaks off. A later try may succeed."""


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Raise errors of dver in the block as OSErrors."""
    try:
        yield
    except DverError as error:
        raise os_error(error) from error


def os_error(error: DverError) -> OSError:
    """The OSError for `error`, with its reason and its fix in the text."""
    text = error.what
    text += f"\nwhy: {error.why}" if error.why else ""
    text += f"\nfix: {error.fix}" if error.fix else ""
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(errno.ENOENT, text)
    if isinstance(error, IsADirectoryError):
        return IsADirectoryError(errno.EISDIR, text)
    if isinstance(error, NotADirectoryError):
        return NotADirectoryError(errno.ENOTDIR, text)
    if isinstance(error, RefusedError) and error.code in _DENIED:
        return PermissionError(errno.EACCES, text)
    if isinstance(error, TransientError):
        return RemoteConnectionError(errno.EIO, text)
    return DataReadError(errno.EIO, text)
