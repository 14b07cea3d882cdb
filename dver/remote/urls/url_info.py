"""Files and directories at URLs, and their fingerprints.

A *fingerprint* is a text that changes when the content at a URL does. It is one of, in this order of preference:

    etag:TEXT                     the ETag of a web server or object store, with `W/` if it is weak
    version:TEXT                  the version of the object
    checksum:TEXT                 the server's checksum
    mtime:SECONDS size:BYTES      time of the last change, and size
    size:BYTES
    listing:DIGITS                of a directory: a hash of its files' names, sizes and fingerprints
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from blake3 import blake3

from dver.core.errors import RemoteError
from dver.formats.tree import forbidden_name

PIECE: Final = 4 * 2**20
"""Bytes of a range that is read at a time."""

_KEYS: Final = (
    ("etag", ("etag", "ETag")),
    ("version", ("generation", "version_id", "VersionId")),
    ("checksum", ("md5Hash", "checksum", "sha256")),
)
_MTIMES: Final = (
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
    "modified",
    "modify",
    "last_write_time",
    "created",
)


class UrlNotFound(RemoteError):
    """There is no file or directory at the URL."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"not found: {shown(url)}",
            why="there is no file or directory at this address",
            fix="check the address",
        )


@dataclass(frozen=True, slots=True)
class UrlInfo:
    """A file or a directory at a URL. None: the server does not say."""

    url: str
    kind: Literal["file", "directory"]
    size: int | None
    """In bytes; of a directory, the sum of all files below."""
    fingerprint: str | None


class UrlFile(NamedTuple):
    """A file below a directory. `name`: its path relative to the directory."""

    name: bytes
    url: str
    size: int
    fingerprint: str | None


class UrlReader(Protocol):
    """Reads files of one protocol. Safe to use from many threads. Raises RemoteError; retries transient failures."""

    def file_info(self, url: str) -> UrlInfo | None:
        """The file at `url`; None if there is none, but perhaps a directory. May raise UrlNotFound."""
        ...

    def list(self, url: str) -> Sequence[UrlFile]:
        """All files below the directory at `url`, sorted by name. Raises UrlNotFound."""
        ...

    def read(self, url: str, start: int, length: int) -> bytes:
        """A range of a file; fewer bytes where the file ends before it."""
        ...

    def pieces(self, url: str) -> Iterable[bytes]:
        """The whole file from its start, in pieces of up to some MiB."""
        ...


def fingerprint_of(info: Mapping[str, object], size: int | None) -> str | None:
    """The fingerprint from what a server says of a file; the keys are those of fsspec's file systems."""
    for kind, keys in _KEYS:
        for key in keys:
            if (value := info.get(key)) and value != "null":
                return f"{kind}:{plain_etag(str(value))}"
    known = "" if size is None else f"size:{size}"
    for key in _MTIMES:
        if (time := _seconds(info.get(key))) is not None:
            return f"mtime:{time} {known}".rstrip()
    return known or None


def mtime_fingerprint(nanoseconds: int, size: int) -> str:
    """The fingerprint of a file on a disk."""
    return f"mtime:{nanoseconds // 10**9}.{nanoseconds % 10**9:09d} size:{size}"


def plain_etag(text: str) -> str:
    """The text of an ETag without its quotes, and printable."""
    plain = text.strip().replace('"', "")
    return "".join(character if character.isprintable() else "?" for character in plain)[:200]


def directory_info(url: str, files: Sequence[UrlFile]) -> UrlInfo:
    """The directory at `url` that has `files`."""
    return UrlInfo(url, "directory", sum(file.size for file in files), listing_fingerprint(files))


def listing_fingerprint(files: Iterable[UrlFile]) -> str:
    """The fingerprint of a directory that has `files`."""
    hasher = blake3()
    for file in files:
        hasher.update(b"%b\0%d\0%b\0" % (file.name, file.size, (file.fingerprint or "").encode()))
    return f"listing:{hasher.hexdigest()[:32]}"


def checked_listing(url: str, files: Iterable[UrlFile]) -> list[UrlFile]:
    """`files` sorted by name. Raises RemoteError for names that no directory on a disk can have."""
    ordered = sorted(files)
    directories: set[bytes] = set()
    for file in ordered:
        *parents, _ = parts = file.name.split(b"/")
        for part in parts:
            if reason := forbidden_name(part):
                raise _unusable_name(url, file.name, reason)
        directories.update(b"/".join(parents[:depth]) for depth in range(1, len(parents) + 1))
    for before, file in zip([None, *ordered], ordered, strict=False):
        if file.name in directories:
            raise _unusable_name(url, file.name, "it is a file, and a directory of other files")
        if before is not None and before.name == file.name:
            raise _unusable_name(url, file.name, "the server lists it twice")
    return ordered


def shown(url: str) -> str:
    """`url` for messages: without the query, which may be a signature, and without a password."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    user, at, host = parts.netloc.rpartition("@")
    return url.replace(parts.netloc, f"{user.partition(':')[0]}{at}{host}", 1)


def _unusable_name(url: str, name: bytes, reason: str) -> RemoteError:
    return RemoteError(
        f"cannot use {shown(url)}",
        why=f"it has the name {name[:80].decode(errors='replace')!r}: {reason}",
        fix="rename it at the source, or use a directory below",
    )


def _seconds(value: object) -> str | None:
    """The time `value` in Unix seconds, as text."""
    if isinstance(value, datetime.datetime):
        return f"{value.timestamp():.6f}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.6f}"
    return "".join(filter(str.isprintable, value))[:80].replace(" ", "_") if isinstance(value, str) and value else None
