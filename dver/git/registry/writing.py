"""New tags of the registry in this clone."""

from __future__ import annotations

import time
from typing import Final

from dver.core.errors import ConflictError, DverError, RepositoryError, UsageError
from dver.core.phrasing import quoted
from dver.git.git_repo import CommitId, GitRepo, run

_TAGS: Final = "refs/tags/"
_NOTHING: Final = ""
"""The old value of a ref that must not exist."""
_SIGNING: Final = r"^tag\.(gpgsign|forcesignannotated)$"
_TRUE: Final = frozenset((b"true", b"yes", b"on", b"1", b""))


class TagTakenError(ConflictError):
    """A tag of this name exists: another process of this clone was faster."""


def make_tag_object(git: GitRepo, name: str, commit: CommitId, message: str, seconds: int) -> str:
    """Make the object of an annotated tag of `commit`, dated `seconds`, without a ref, and return its id.

    Git signs it if the user has configured that. Raises TagTakenError, UsageError for a name that Git does not allow,
    RepositoryError.
    """
    if not _is_allowed(git, name):
        raise UsageError(f"no tag can be called {name!r}", why="Git does not allow it", fix="choose another name")
    date = {"GIT_COMMITTER_DATE": f"{seconds} {time.strftime('%z', time.localtime(seconds))}"}
    text = message.encode(errors="surrogateescape")
    if _is_signing(git):
        return _make_signed(git, name, commit, text, date)
    try:
        tagger = run(git, ["var", "GIT_COMMITTER_IDENT"], env=date)
    except RepositoryError as error:
        raise _explained(error) from error
    header = f"object {commit}\ntype commit\ntag {name}\ntagger ".encode()
    return run(git, ["mktag"], stdin=header + tagger + b"\n" + text).decode().strip()


def tag_id(git: GitRepo, name: str) -> str | None:
    """The id of the object of the tag `name`; None if it does not exist."""
    found = run(git, ["rev-parse", "--verify", "--quiet", f"{_TAGS}{name}"], ok=(0, 1, 128))
    return found.decode().strip() or None


def place_tag(git: GitRepo, name: str, object_id: str) -> None:
    """Make `name` the tag of the object `object_id`. Raises TagTakenError if there is another one."""
    try:
        run(git, ["update-ref", f"{_TAGS}{name}", object_id, _NOTHING])
    except RepositoryError as error:
        found = tag_id(git, name)
        if found is None:
            raise
        if found != object_id:  # else a fetch was faster
            raise TagTakenError(f"the tag {name!r} exists", fix=f"delete it: git tag -d {quoted(name)}") from error


def _make_signed(git: GitRepo, name: str, commit: CommitId, message: bytes, date: dict[str, str]) -> str:
    """Only `git tag` signs. It gives the object its name, which is taken from it again."""
    try:
        run(git, ["tag", "--cleanup=verbatim", "-F", "-", name, commit], stdin=message, env=date)
    except RepositoryError as error:
        if "already exists" in (error.why or ""):
            raise TagTakenError(f"the tag {name!r} exists", fix="run the same command again") from error
        raise _explained(error) from error
    made = tag_id(git, name)
    if made is None:
        raise TagTakenError(f"the tag {name!r} was deleted", fix="run the same command again")
    run(git, ["update-ref", "-d", f"{_TAGS}{name}", made])
    return made


def _is_signing(git: GitRepo) -> bool:
    found = run(git, ["config", "-z", "--get-regexp", _SIGNING], ok=(0, 1))
    settings = dict(one.partition(b"\n")[::2] for one in found.split(b"\0") if one)  # the last one of a name counts
    return any(value.lower() in _TRUE for value in settings.values())


def _is_allowed(git: GitRepo, name: str) -> bool:
    try:
        run(git, ["check-ref-format", f"{_TAGS}{name}"])
    except RepositoryError:
        return False
    return True


def _explained(error: RepositoryError) -> DverError:
    why = error.why or ""
    if any(part in why for part in ("ident name", "email address", " was given")):
        return RepositoryError(
            "Git does not know the author of the tag",
            why=why,
            fix='git config user.name "NAME"; git config user.email "EMAIL"',
        )
    return error
