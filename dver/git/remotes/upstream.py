"""Refs of Git remotes whose commits are missing in this clone: others may need their data."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from dver.core.errors import RepositoryError
from dver.core.phrasing import quoted
from dver.git.git_repo import CommitId, GitRepo, describe_objects, run

_MADE_BY_SERVER: Final = re.compile(r"refs/(?:pull|merge-requests)/[0-9]+/(?:merge|train)")
"""Trial merges of the server, whose pointers exist on one of both sides."""
_JOURNAL: Final = re.compile(r"refs/dver/experiments/[0-9a-f]{16}")
"""A published journal of experiments."""
_USUAL: Final = frozenset({"heads", "tags"})
"""Below `refs/`: the refs that `git fetch --tags` fetches."""


class Tip(NamedTuple):
    """A ref of a Git remote."""

    remote: str
    ref: str
    id: str


def unknown_tips(git: GitRepo, commits: Collection[CommitId]) -> list[Tip]:
    """Refs of all Git remotes whose commit is not in `commits`: branches, tags, pull and merge requests.

    Raises RepositoryError for a Git remote that cannot be asked.
    """
    known = frozenset(commits)
    tips = [tip for remote in remotes(git) for tip in _tips(git, remote) if tip.id not in known]
    return [tip for tip in tips if not _is_no_commit(git, tip)]


def fetch_command(tips: Collection[Tip]) -> str:
    """The shell command that fetches the commits of `tips`.

    Refs other than branches and tags get names that `git fetch --prune` leaves alone.
    """
    commands = ["git fetch --all --tags"] if any(_kind(tip) in _USUAL for tip in tips) else []
    journals = [tip for tip in tips if _JOURNAL.fullmatch(tip.ref)]
    commands += [f"dver exp fetch {quoted(remote)}" for remote in sorted({tip.remote for tip in journals})]
    others = [tip for tip in tips if _kind(tip) not in _USUAL and tip not in journals]
    kinds = sorted({(tip.remote, _kind(tip)) for tip in others})
    for remote, group in groupby(kinds, key=itemgetter(0)):
        specs = [f"+refs/{kind}/*:refs/dver/{remote}/{kind}/*" for _, kind in group]
        commands.append(" ".join(["git fetch", quoted(remote), *map(quoted, specs)]))
    return " && ".join(commands)


def _kind(tip: Tip) -> str:
    return tip.ref.split("/")[1]


def remotes(git: GitRepo) -> list[str]:
    """The names of the Git remotes."""
    return os.fsdecode(run(git, ["remote"])).splitlines()


def _tips(git: GitRepo, remote: str) -> Iterator[Tip]:
    try:
        output = os.fsdecode(run(git, ["ls-remote", "--end-of-options", remote]))
    except RepositoryError as error:
        raise RepositoryError(
            f"the Git remote {remote!r} cannot be asked for its branches",
            why=error.why,
            fix="try again when it can be reached; or, if there were no pushes since the last fetch: --offline",
        ) from error
    found = {ref: name for name, _, ref in (line.partition("\t") for line in output.splitlines())}
    for ref, name in found.items():
        if ref.startswith("refs/") and not ref.endswith("^{}") and not _MADE_BY_SERVER.fullmatch(ref):
            yield Tip(remote, ref, found.get(ref + "^{}", name))


def _is_no_commit(git: GitRepo, tip: Tip) -> bool:
    """Whether the tip, which the clone has, is a file or a directory. Such tags are rare and hold no pointers."""
    return describe_objects(git, [tip.id], "%(objecttype)") in (["blob"], ["tree"])
