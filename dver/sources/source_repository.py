"""Other repositories that data is imported from: their addresses in pointers, and their files at a commit."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Self

from dver.access.addresses import is_url
from dver.access.files import Files
from dver.access.repositories import locate_files
from dver.core.errors import DverError, RepositoryError, UsageError
from dver.core.phrasing import quoted
from dver.git.network import shown_url
from dver.repo import Repository

_ADDRESS_MAX: Final = 4096
_USER: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/@]*)@")
_TOKEN: Final = re.compile(r"(gh[a-z]_|github_pat_|glpat-|x-token-auth$|oauth2$).*|.{30,}")
"""User names of web addresses that are secrets."""
_COMMAND: Final = re.compile(r"[A-Za-z0-9]+::")
"""`ext::sh -c …`: an address that names a program to run."""


def recorded_repository(repo: Repository, address: str, cwd: Path) -> str:
    """The repository `address`, typed in `cwd`, as a pointer records it: a relative path starts at the project.

    Raises UsageError for an address that a pointer must not have, and RepositoryError for a missing directory.
    """
    check_address(address)
    if is_url(address):
        return address
    if not os.path.isdir(cwd / address):
        raise RepositoryError(
            f"no directory {address!r}", why="it is no URL either", fix="use the directory or URL of a Git repository"
        )
    if os.path.isabs(address):
        return address
    # As typed, with the directories that links lead to: the project itself may have been reached through one.
    return os.path.relpath(os.path.realpath(cwd / address), os.path.realpath(repo.root))


def check_address(address: str) -> None:
    """Raise UsageError for an address with a secret, or that git would not take for one."""
    if not address or address.startswith("-") or not address.isprintable() or len(address) > _ADDRESS_MAX:
        raise UsageError(
            f"{address[:80]!r} is not the address of a Git repository", fix="use a URL, or the path of a clone"
        )
    if _COMMAND.match(address):
        raise UsageError(
            f"{address[:80]!r} is not the address of a Git repository",
            why="git would run a program for it",
            fix="use a URL, or the path of a clone",
        )
    found = _USER.match(address)
    if found is None:
        return
    user, colon, _ = found["user"].partition(":")
    if colon or (found["scheme"].lower() in ("http", "https") and _TOKEN.fullmatch(user)):
        raise UsageError(
            "the address of the repository has a password or token",
            why="the pointer records the address, and is committed to Git",
            fix=f"use {quoted(shown_url(address))}; Git's credential helper or an SSH key gives access",
        )


def opened_source(repo: Repository, address: str, rev: str | None) -> Files:
    """The files of the repository `address`, as a pointer of `repo` records it, at `rev` or its default branch.

    The caller closes them. Raises UsageError, RepositoryError and RemoteError.
    """
    check_address(address)
    try:
        return locate_files(address, rev=rev or "HEAD", cwd=repo.root, keeps=False)()
    except UsageError as error:
        directory = os.path.normpath(repo.root / address)
        if is_url(address) or rev is None or not os.path.isdir(directory):
            raise
        raise UsageError(
            f"unknown revision {rev!r} in {address}",
            why="no branch, tag or commit of that clone is called so",
            fix=f"list them with: git -C {quoted(directory)} branch --all; or fetch them there",
        ) from error


class OpenedSources:
    """Other repositories, each opened once for a command. Use it in a `with` block."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._opened: dict[tuple[str, str | None], Files] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for files in self._opened.values():
            files.close()

    def open(self, address: str, rev: str | None) -> Files:
        """See `opened_source`. The block closes the files."""
        if (address, rev) not in self._opened:
            self._opened[address, rev] = opened_source(self._repo, address, rev)
        return self._opened[address, rev]


def source_error(address: str, error: DverError) -> DverError:
    """`error`, which reading the repository `address` raised, with the name of the repository."""
    return type(error)(f"cannot import from {shown_url(address)}: {error.what}", why=error.why, fix=error.fix)
