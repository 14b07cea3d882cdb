"""The base of `Project` and of its groups of methods: where the project is, and how a method opens it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from dver.core.errors import DverError
from dver.repo import Repository

StrPath: TypeAlias = str | os.PathLike[str]
RemoteSelection: TypeAlias = str | bool
"""The name of a remote, True for the default remote, False for none."""


@dataclass(frozen=True, slots=True, repr=False)
class ProjectHandle:
    """The directory of a project, and the directory that relative paths start from. It holds nothing open."""

    root: Path
    cwd: Path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({os.fspath(self.cwd)!r})"

    def _open(self) -> Repository:
        """Open the project for one call. Threads share nothing: connections to SQLite belong to one thread."""
        return Repository.open(self.cwd)


def texts(paths: Iterable[StrPath]) -> tuple[str, ...]:
    """The paths as operations take them."""
    return tuple(map(text_of, paths))


def text_of(path: StrPath) -> str:
    """The path as operations take it. Raises TypeError for the bytes of a result."""
    if isinstance(path, bytes):
        raise TypeError(f"expected str or os.PathLike, not {path!r}: pass `project.path({path!r})`")
    return os.fspath(path)


def remote_name(repo: Repository, remote: RemoteSelection) -> str | None:
    """The name of a chosen remote, None for the default one. Raises UsageError for an unknown one."""
    if not isinstance(remote, str):
        return None
    repo.config.remote_table(remote)
    return remote


def raise_worst(errors: Iterable[DverError | None], *, check: bool) -> None:
    """With `check`, raise the most serious of `errors`: the command line exits with its code."""
    found = [error for error in errors if error is not None]
    if check and found:
        raise max(found, key=lambda error: error.exit_code)


def scope_of(*, local: bool) -> Literal["local", "project"]:
    """The config that `local` selects."""
    return "local" if local else "project"
