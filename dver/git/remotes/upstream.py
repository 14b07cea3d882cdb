"""What the Git remotes of a clone have and the clone does not: others may need data of commits unknown here."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from dver.core.errors import RepositoryError
from dver.core.phrasing import quoted
from dver.git.git_repo import GitRepo, run
from dver.git.revisions import CommitId

_MADE_BY_SERVER: Final = re.compile(r"refs/(?:pull|merge-requests)/[0-9]+/(?:merge|train)")
"""A trial merge, which has no pointer that neither of its sides has."""
_USUAL: Final = frozenset({"heads", "tags"})
"""Below `refs/`: what `git fetch --tags` gets."""


class Tip(NamedTuple):
    """A ref of a Git remote."""

    remote: str
    ref: str
    id: str


def unknown_tips(git: GitRepo, commits: Collection[CommitId]) -> list[Tip]:
    """The refs of all Git remotes whose commit is not among `commits`: branches, tags, pull and merge requests …

    Raises RepositoryError for a Git remote that cannot be asked.
    """
    known = frozenset(commits)
    tips = [tip for remote in remotes(git) for tip in _tips(git, remote) if tip.id not in known]
    return [tip for tip in tips if not _is_no_commit(git, tip)]


def fetch_command(tips: Collection[Tip]) -> str:
    """The command that gets the commits of `tips`, to be typed in a shell.

    Other refs than branches and tags get names of their own here, which `git fetch --prune` leaves alone.
    """
    commands = ["git fetch --all --tags"] if any(_kind(tip) in _USUAL for tip in tips) else []
    kinds = sorted({(tip.remote, _kind(tip)) for tip in tips if _kind(tip) not in _USUAL})
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
            fix="try again when it can be reached; or, if nobody can have pushed there since the last fetch: --offline",
        ) from error
    found = {ref: name for name, _, ref in (line.partition("\t") for line in output.splitlines())}
    for ref, name in found.items():
        if ref.startswith("refs/") and not ref.endswith("^{}") and not _MADE_BY_SERVER.fullmatch(ref):
            yield Tip(remote, ref, found.get(ref + "^{}", name))


def _is_no_commit(git: GitRepo, tip: Tip) -> bool:
    """Does the tip, which the clone has, name a file or a directory? Such tags are rare, and no pointer is below."""
    kind = run(git, ["cat-file", "--batch-check=%(objecttype)"], stdin=f"{tip.id}\n".encode()).strip()
    return kind in (b"blob", b"tree")
