"""What the Git remotes of a clone have that it lacks: others may need data of which it has never heard."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import NamedTuple

from dver.core.errors import RepositoryError
from dver.scm.git import GitRepo, run
from dver.scm.revisions import CommitId


class Tip(NamedTuple):
    """A branch or tag of a Git remote."""

    remote: str
    ref: str
    id: str


def unknown_tips(git: GitRepo, commits: Collection[CommitId]) -> list[Tip]:
    """The branches and tags of all Git remotes whose commit is not among `commits`.

    Raises RepositoryError for a Git remote that cannot be asked.
    """
    known = frozenset(commits)
    tips = [tip for remote in remotes(git) for tip in _tips(git, remote) if tip.id not in known]
    return [tip for tip in tips if not _is_no_commit(git, tip)]


def remotes(git: GitRepo) -> list[str]:
    """The names of the Git remotes."""
    return os.fsdecode(run(git, ["remote"])).splitlines()


def _tips(git: GitRepo, remote: str) -> Iterator[Tip]:
    try:
        output = os.fsdecode(run(git, ["ls-remote", "--heads", "--tags", "--end-of-options", remote]))
    except RepositoryError as error:
        raise RepositoryError(
            f"the Git remote {remote!r} cannot be asked for its branches",
            why=error.why,
            fix="try again when it can be reached; or, if nobody can have pushed there since the last fetch: --offline",
        ) from error
    found = {ref: name for name, _, ref in (line.partition("\t") for line in output.splitlines())}
    for ref, name in found.items():
        if not ref.endswith("^{}"):
            yield Tip(remote, ref, found.get(ref + "^{}", name))


def _is_no_commit(git: GitRepo, tip: Tip) -> bool:
    """Does the tip, which we have, name a file or a directory? Such tags are rare, and no pointer is below them."""
    kind = run(git, ["cat-file", "--batch-check=%(objecttype)"], stdin=f"{tip.id}\n".encode()).strip()
    return kind in (b"blob", b"tree")
