"""Comments by a REST API: what GitHub and GitLab have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dver.ci.hosts.api_client import ApiClient
from dver.ci.hosts.comments import HostComment
from dver.remote.failures import RefusedError

_GONE: Final = frozenset({"404", "410"})


@dataclass(frozen=True, slots=True)
class CommentEndpoints:
    """The paths of the comments of one pull request."""

    all: str
    """The list; comments are created here."""
    one: str
    """The path above each comment's id."""
    update: str
    """The method that replaces a body."""


class RestComments:
    """The comments at `endpoints`. `parse` makes a comment of its JSON, None for one that the host has written."""

    def __init__(
        self,
        client: ApiClient,
        endpoints: CommentEndpoints,
        author: Callable[[], str],
        parse: Callable[[Mapping[str, Any]], HostComment | None],
    ) -> None:
        self._client: Final = client
        self._endpoints: Final = endpoints
        self._find_author: Final = author
        self._parse: Final = parse
        self._author = ""

    def author(self) -> str:
        """The account of the token, as comments name it."""
        self._author = self._author or self._find_author()
        return self._author

    def comments(self) -> Iterator[HostComment]:
        """All comments of the pull request."""
        for one in self._client.pages(self._endpoints.all, "list the comments of the pull request"):
            comment = self._parse(one) if isinstance(one, dict) else None
            if comment is not None:
                yield comment

    def create(self, body: str) -> HostComment:
        """Add a comment."""
        action = "create a comment"
        return self._comment(self._client.send("POST", self._endpoints.all, action, body={"body": body}).data, action)

    def update(self, comment: HostComment, body: str) -> HostComment | None:
        """Replace the body of a comment; None if it was deleted."""
        action, path = "update a comment", f"{self._endpoints.one}/{comment.id}"
        try:
            return self._comment(
                self._client.send(self._endpoints.update, path, action, body={"body": body}).data, action
            )
        except RefusedError as error:
            if error.code in _GONE:
                return None
            raise

    def delete(self, comment: HostComment) -> None:
        """Delete a comment; also one that is deleted already."""
        try:
            self._client.send("DELETE", f"{self._endpoints.one}/{comment.id}", "delete a comment")
        except RefusedError as error:
            if error.code not in _GONE:
                raise

    def _comment(self, data: Any, action: str) -> HostComment:
        comment = self._parse(data) if isinstance(data, dict) else None
        if comment is None:
            raise self._client.not_an_api(action)
        return comment


def text_of(data: Mapping[str, Any], *keys: str) -> str:
    """The text at `keys` in nested objects; empty if there is none."""
    value: Any = data
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
