"""One comment for each pull request and key, which later runs update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from dver.ci.hosts.comment_body import CommentMark
from dver.core.errors import RemoteError

_ATTEMPTS: Final = 3
"""How often an update begins again because the comment was deleted meanwhile."""


class CommentOutcome(StrEnum):
    """What became of a comment."""

    CREATED = "created"
    UPDATED = "updated"
    OUTDATED = "outdated"
    """A later run has written the comment, which stays as it is."""
    NO_PULL_REQUEST = "no pull request"
    """The branch has no open pull request."""


@dataclass(frozen=True, slots=True)
class HostComment:
    """A comment on a pull request."""

    id: int
    author: str
    body: str
    url: str


class CommentHost(Protocol):
    """The comments of one pull request."""

    def author(self) -> str:
        """The account of the token, as comments name it."""

    def comments(self) -> Iterator[HostComment]:
        """All comments, in any order."""

    def create(self, body: str) -> HostComment:
        """Add a comment."""

    def update(self, comment: HostComment, body: str) -> HostComment | None:
        """Replace the body of a comment; None if it was deleted."""

    def delete(self, comment: HostComment) -> None:
        """Delete a comment; also one that is deleted already."""


def own_comments(host: CommentHost, key: str) -> list[HostComment]:
    """The comments with the key that this account has written, the oldest first.

    Other accounts can write comments with our mark, too. Those are not ours.
    """
    author = host.author()
    found = [one for one in host.comments() if one.author == author and _has_key(one, key)]
    return sorted(found, key=lambda one: one.id)


def write_comment(host: CommentHost, mark: CommentMark, text: str) -> tuple[CommentOutcome, HostComment]:
    """Create the comment of `mark.key` with `text`, or update it. May be called again after a TransientError.

    Of jobs that run at once, all may create a comment. Each looks again afterwards: the oldest comment stays, with the
    text of the latest run, and each job deletes its own later one.
    """
    body = f"{mark}\n{text}"
    for _ in range(_ATTEMPTS):
        found = own_comments(host, mark.key)
        created = None
        if not found:
            created = host.create(body)
            found = own_comments(host, mark.key)
            if not found or found[0].id == created.id:
                return CommentOutcome.CREATED, created
        latest = max(found, key=_run_of)
        if mark.run and _run_of(latest) > mark.run:
            if created is not None:
                host.delete(created)
            return CommentOutcome.OUTDATED, latest
        updated = host.update(found[0], body)
        for one in found[1:] if created is None else [created]:
            host.delete(one)
        if updated is not None:
            return CommentOutcome.UPDATED, updated
    raise RemoteError(
        "cannot update the comment",
        why="it is deleted again and again while dver looks for it",
        fix="run the same command again",
    )


def _run_of(comment: HostComment) -> int:
    mark = CommentMark.parse(comment.body)
    return mark.run if mark is not None else 0


def _has_key(comment: HostComment, key: str) -> bool:
    mark = CommentMark.parse(comment.body)
    return mark is not None and mark.key == key
