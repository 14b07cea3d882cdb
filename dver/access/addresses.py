"""Addresses of repositories, and of paths in them at a revision: `REPO@REV:PATH`."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SCP: Final = re.compile(r"(?:[^@/:]+@)?[^@/:]+:(?!/?/)[^:]*|(?:[^@/:]+@)?[^@/:]+:/(?!/)[^:]*")
"""`git@host:path`, which is no URL; a local path has a slash before its first colon."""
_REVISION: Final = re.compile(
    r"""@(?P<rev>
        [^:@/]+@(?:latest|greatest|v?[0-9]+\.[0-9]+\.[0-9]+[^:@]*)  # a version in the registry: churn@v1.2.0
        | [^:@]*(?:@\{[^}]*\}[^:@]*)*
    ):""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class DataAddress:
    """A path in a repository at a revision."""

    repo: str | None
    """The URL or directory of the repository; None for the project of the current directory."""
    rev: str | None
    """None for the default branch of a URL, and for the present state of a directory."""
    path: str
    """Relative to the repository; empty for its top."""

    @classmethod
    def parse(cls, text: str) -> DataAddress | None:
        """Parse `REPO@REV:PATH`, `REPO@:PATH` or `@REV:PATH`. None for any other text, such as a plain path.

        `git@host:team/data@v1:images` has the repository `git@host:team/data`; a directory called `git` comes first.
        """
        if text.startswith("@"):
            found = _REVISION.match(text)
            return cls(None, found["rev"], text[found.end() :]) if found and found["rev"] else None
        for found in _REVISION.finditer(text, _end_of_host(text)):
            repo = text[: found.start()]
            if is_url(repo) or _is_directory(repo):
                return cls(repo, found["rev"] or None, text[found.end() :])
        return None

    def __str__(self) -> str:
        return f"{self.repo or ''}@{self.rev or ''}:{self.path}"


def is_url(repo: str) -> bool:
    """Is the repository `repo` elsewhere, not in a directory of this machine?"""
    if _SCHEME.match(repo):
        return True
    return _SCP.fullmatch(repo) is not None and not os.path.exists(repo)


def data_name(repo: str, path: str) -> str:
    """The file name of the data at `path` in the repository `repo`: the last part of the path, or of the address."""
    if name := posixpath.basename(posixpath.normpath(path)) if path.strip("./") else "":
        return name
    return posixpath.basename(repo.rstrip("/").removesuffix("/.git").rpartition(":")[2]).removesuffix(".git") or "data"


def directory_of_url(repo: str) -> Path | None:
    """The directory on this machine that `repo`, a `file://` URL or an absolute path, names; None for another host."""
    if repo.startswith("file:///"):
        from urllib.parse import unquote

        return Path(unquote(repo.removeprefix("file://")))
    return None if is_url(repo) else Path(repo)


def _is_directory(repo: str) -> bool:
    """Is `repo` a directory, or clearly meant as one?"""
    return repo.startswith((".", "/", "~")) or os.path.isdir(repo)


def _end_of_host(text: str) -> int:
    """Where the user and the host of a URL end: they have an `@` and a colon of their own."""
    scheme = _SCHEME.match(text)
    if scheme is None:
        return 0
    slash = text.find("/", scheme.end())
    return slash if slash >= 0 else len(text)
