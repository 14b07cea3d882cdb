"""URLs of imports: what a pointer records of a URL that a user typed, and the path that its data gets."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.remote.urls.url_info import shown
from dver.repo import Repository

_WEB: Final = ("http", "https")
_SECRET: Final = re.compile(r"sig(nature)?|.*-signature|.*token|.*secret|password|api[-_]?key", re.IGNORECASE)


def recorded_url(repo: Repository, url: str, cwd: Path) -> str:
    """`url`, typed in `cwd`, as a pointer records it: a relative path starts at the project's directory.

    Raises UsageError for a URL with credentials, which would be committed to Git.
    """
    if "://" not in url:
        if os.path.isabs(os.path.expanduser(url)):
            return url
        return os.path.relpath(os.path.join(cwd, url), repo.root)
    _refuse_secrets(url)
    return url


def default_name(url: str) -> str:
    """The last part of `url`. Raises UsageError if it has none."""
    scheme, separator, rest = url.partition("://")
    path = rest.partition("/")[2] if separator else url
    if scheme in _WEB:
        path = unquote(urlsplit(url).path)
    elif scheme == "file":
        path = unquote(path)
    name = posixpath.basename(path.rstrip("/"))
    if name in ("", ".", "..") or "\0" in name:
        raise UsageError(
            f"cannot tell the name of the data at {shown(url)}",
            why="the URL does not end with a name",
            fix=f"dver import-url {quoted(shown(url))} OUT",
        )
    return name


def _refuse_secrets(url: str) -> None:
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    if at and (parts.scheme in _WEB or ":" in user):
        raise UsageError(
            f"{shown(url)} was given with credentials",
            why="the pointer records the URL, and is committed to Git",
            fix="remove them from the URL; credentials come from the environment, or from a remote on the same server",
        )
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)] if parts.scheme in _WEB else []
    if secret := next((name for name in names if _SECRET.fullmatch(name)), None):
        raise UsageError(
            f"{shown(url)} was given with a secret: {secret!r} in its query",
            why="the pointer records the URL, and is committed to Git; such URLs expire, too",
            fix="use the address without the signature, such as s3://BUCKET/KEY; or `dver add` a download of it",
        )
