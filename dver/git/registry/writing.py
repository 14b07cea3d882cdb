"""New tags of the registry in this clone."""

from __future__ import annotations

import time
from typing import Final

from dver.core.errors import ConflictError, DverError, RepositoryError, UsageError
from dver.git.git_repo import CommitId, GitRepo, run

_TAGS: Final = "refs/tags/"
_NOTHING: Final = ""
"""The old value of a ref that must not exist."""


class TagTakenError(ConflictError):
    """A tag of this name exists: another process of this clone was faster."""


def write_tag(git: GitRepo, name: str, commit: CommitId, message: str, seconds: int) -> str:
    """Make an annotated tag of `commit`, dated `seconds`, and return the id of its object.

    Git signs it if the user has configured that. Raises TagTakenError, UsageError for a name that Git does not allow,
    RepositoryError.
    """
    date = f"{seconds} {time.strftime('%z', time.localtime(seconds))}"
    args = ["tag", "--cleanup=verbatim", "-F", "-", "--end-of-options", name, commit]
    try:
        run(git, args, stdin=message.encode(errors="surrogateescape"), env={"GIT_COMMITTER_DATE": date})
    except RepositoryError as error:
        if tag_id(git, name) is not None:
            raise TagTakenError(f"the tag {name!r} exists", fix="run the same command again") from error
        raise _explained(name, error) from error
    found = tag_id(git, name)
    if found is None:
        raise RepositoryError(f"the tag {name!r} vanished", why="another process deleted it", fix="try again")
    return found


def tag_id(git: GitRepo, name: str) -> str | None:
    """The id of the object of the tag `name`; None if it does not exist."""
    found = run(git, ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{_TAGS}{name}"], ok=(0, 1, 128))
    return found.decode().split("\n")[-2] if found else None


def remove_tag(git: GitRepo, name: str, object_id: str) -> None:
    """Delete the tag `name` if it still is the object `object_id`; the object stays. Raises RepositoryError."""
    run(git, ["update-ref", "-d", f"{_TAGS}{name}", object_id])


def place_tag(git: GitRepo, name: str, object_id: str) -> None:
    """Make `name` the tag of the object `object_id`. Raises TagTakenError if there is another one."""
    try:
        run(git, ["update-ref", f"{_TAGS}{name}", object_id, _NOTHING])
    except RepositoryError as error:
        if tag_id(git, name) != object_id:  # else a fetch was faster
            raise TagTakenError(f"the tag {name!r} exists", fix=f"delete it: git tag -d '{name}'") from error


def _explained(name: str, error: RepositoryError) -> DverError:
    why = error.why or ""
    if "not a valid tag name" in why:
        return UsageError(f"no tag can be called {name!r}", why="Git does not allow it", fix="choose another name")
    if any(part in why for part in ("ident name", "email address", " was given")):
        return RepositoryError(
            "Git does not know the author of the tag",
            why=why,
            fix='git config user.name "NAME"; git config user.email "EMAIL"',
        )
    return error
