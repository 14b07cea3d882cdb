"""Failures that all storages share: one wording for each, and whether a retry may help."""

from __future__ import annotations

import errno
import time
from typing import Final

from dver.core.errors import LocalIOError, RemoteError
from dver.core.files import explain

OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})
"""Errors of a process or machine that has too many files open: not the remote's fault."""
TRANSIENT_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that a retry may get rid of."""

_RUN_AGAIN: Final = "check the network, then run the same command again: it continues where it stopped"


class TransientError(RemoteError):
    """A failure that a retry may get rid of: a dropped connection, a stall, a busy server.

    `retry_after`: the seconds that a busy server asks to wait.
    """

    retry_after: float = 0.0


class UnreachableError(TransientError):
    """No connection at all: the name does not resolve, nothing listens, no network."""


class RefusedError(RemoteError):
    """The server refused a request. `code` is the HTTP status, or S3's error code, such as `NoSuchBucket`."""

    def __init__(self, what: str, *, why: str | None = None, fix: str | None = None, code: str) -> None:
        super().__init__(what, why=why, fix=fix)
        self.code = code


def busy(action: str, server: str, said: str, *, retry_after: str) -> TransientError:
    """The error for a server that is overloaded. `retry_after`: its header of that name."""
    error = TransientError(
        f"cannot {action} on {server}",
        why=f"the server is busy or out of order: {said}",
        fix="wait a little, then run the same command again",
    )
    error.retry_after = parse_retry_after(retry_after)
    return error


def stalled(action: str, server: str, seconds: float) -> TransientError:
    """The error for a request that moved no byte for `seconds`."""
    return TransientError(
        f"cannot {action}: {server} does not respond",
        why=f"no byte was sent or received for {seconds:g} seconds",
        fix=_RUN_AGAIN,
    )


def disconnected(action: str, server: str, why: str) -> TransientError:
    """The error for a connection that was lost during a request."""
    return TransientError(f"lost the connection to {server}", why=f"{why}, while trying to {action}", fix=_RUN_AGAIN)


def untrusted(server: str, why: str, *, variable: str) -> RemoteError:
    """The error for a server whose certificate cannot be verified. `variable` names a file of certificates."""
    return RemoteError(
        f"no trusted connection to {server}",
        why=why,
        fix=f"check the address; for a certificate of your own, set {variable} to its file",
    )


def out_of_files(action: str, server: str, cause: BaseException) -> LocalIOError | None:
    """The error for a process that has too many files open, if `cause` says so."""
    if not isinstance(cause, OSError) or cause.errno not in OUT_OF_FILES:
        return None
    reason = explain(cause)
    return LocalIOError(f"cannot {action} on {server}", why=reason.why, fix=reason.fix)


def check_length(url: str, key: str, *, wanted: int, got: int) -> None:
    """Raise TransientError unless the server sent all bytes of a range."""
    if got != wanted:
        raise TransientError(
            f"reading {key!r} from {url} stopped early",
            why=f"received {got} of {wanted} bytes",
            fix="run the same command again; if it persists, check the server and any proxy before it",
        )


def one_line(error: BaseException) -> str:
    """The error's message in one line; its class if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def parse_http_date(text: str) -> float | None:
    """Parse a Date header; Unix seconds, None for anything else."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def parse_retry_after(text: str) -> float:
    """Parse a Retry-After header, a number of seconds or a date; seconds from now, 0 for anything else."""
    if text.isascii() and text.isdigit():
        return float(text[:6])
    when = parse_http_date(text)
    return 0.0 if when is None else max(0.0, when - time.time())
