"""The identity of a Git repository: its first commits, and the address that it pushes to."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from dver.core.errors import RepositoryError
from dver.git.git_repo import GitRepo, run
from dver.git.revisions import is_shallow

_SETTINGS: Final = r"^(remote\..*\.(url|pushurl)|remote\.pushdefault|branch\..*\.(remote|pushremote))$"
_BRANCH: Final = re.compile(r"ref: refs/heads/(.+)\n?")
_SCP: Final = re.compile(r"(?:[^@/:]+@)?[^@/:]+:(?!/?/)[^:].*|(?:[^@/:]+@)?[^@/:]+:/(?!/).*")
"""`git@host:path`, which is no URL; a local path has a slash before its first colon."""
_NETWORK: Final = frozenset({"http", "https", "ssh", "git", "git+ssh", "ssh+git"})


@dataclass(frozen=True, slots=True)
class GitRemotes:
    """The configured Git remotes of a clone."""

    urls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The addresses of each remote, those for pushing first."""
    push: str | None = None
    """The default remote of `git push` for the current branch."""


def git_remotes(git: GitRepo) -> GitRemotes:
    """The configured Git remotes, read by one process."""
    output = os.fsdecode(run(git, ["config", "-z", "--get-regexp", _SETTINGS], ok=(0, 1)))
    pairs = [tuple(one.partition("\n")[::2]) for one in output.split("\0") if one]
    settings: dict[str, list[str]] = {}
    for key, value in pairs:
        settings.setdefault(key, []).append(value)
    names = {
        key[len("remote.") : key.rindex(".")] for key in settings if key.startswith("remote.") and key.count(".") > 1
    }
    urls = {
        name: (*settings.get(f"remote.{name}.pushurl", ()), *settings.get(f"remote.{name}.url", ())) for name in names
    }
    return GitRemotes(urls, _pushed_to(settings, urls, _branch(git)))


def first_commits(git: GitRepo) -> tuple[str, ...]:
    """The sorted root commits of HEAD; empty in a shallow clone and before the first commit."""
    if is_shallow(git):
        return ()
    try:
        output = run(git, ["rev-list", "--max-parents=0", "HEAD", "--"], env={"GIT_NO_REPLACE_OBJECTS": "1"})
    except RepositoryError:
        return ()
    return tuple(sorted(output.decode().split()))


def public_url(url: str) -> str:
    """`url` without credentials; empty for a local path and anything else without a server."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        return url if _SCP.fullmatch(url) and "::" not in url else ""
    if scheme.lower() not in _NETWORK:
        return ""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        user = parts.username if scheme.lower() not in ("http", "https") else None
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, f"{user}@{host}" if user else host, parts.path, "", ""))


def path_on_host(url: str) -> str:
    """The path of `url` on its server: the same for SSH, HTTPS and aliases of the host."""
    path = urlsplit(url).path if "://" in url else url.partition(":")[2]
    return path.strip("/").removesuffix(".git").casefold()


def _pushed_to(
    settings: Mapping[str, list[str]], urls: Mapping[str, tuple[str, ...]], branch: str | None
) -> str | None:
    """The remote that `git push` chooses."""
    keys = ["remote.pushdefault"]
    if branch is not None:
        keys = [f"branch.{branch}.pushremote", *keys, f"branch.{branch}.remote"]
    for name in (settings[key][-1] for key in keys if key in settings):
        if name in urls:
            return name
    return "origin" if "origin" in urls else next(iter(urls), None) if len(urls) == 1 else None


def _branch(git: GitRepo) -> str | None:
    try:
        match = _BRANCH.fullmatch(os.fsdecode((git.git_dir / "HEAD").read_bytes()))
    except OSError:
        return None
    return match and match[1]
