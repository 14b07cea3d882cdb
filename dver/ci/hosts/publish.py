"""Publishing a report as a comment: finds the pull request, uploads pictures, and writes the comment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from dver.ci.hosts.api_client import ApiClient
from dver.ci.hosts.comment_body import DEFAULT_KEY, CommentMark, check_key, harmless, shortened
from dver.ci.hosts.comments import CommentOutcome, own_comments, write_comment
from dver.ci.hosts.github import COMMENT_LIMIT, find_pull_request, github_client, github_comments
from dver.ci.hosts.gitlab import NOTE_LIMIT, gitlab_client, gitlab_comments, upload_picture
from dver.ci.hosts.image_branch import commit_pictures
from dver.ci.hosts.job import CiJob, Service
from dver.ci.hosts.pictures import AttachedPicture, show_pictures
from dver.ci.hosts.rest_comments import RestComments
from dver.core.display import Displayed
from dver.core.errors import RemoteError, UsageError
from dver.remote.retry import Retrier, RetryPolicy

_BRANCH: Final = re.compile(r"[A-Za-z0-9_]+(?:[./-]?[A-Za-z0-9_]+)*")
_MARGIN: Final = 500
"""Characters of a comment that are left free, for the mark."""


@dataclass(frozen=True, slots=True)
class CommentOptions:
    """How to publish a report."""

    key: str = DEFAULT_KEY
    """A pull request has one comment for each key."""
    images_branch: str | None = None
    """The branch of a GitHub repository that gets the pictures; None for links to the artifacts of the run."""


@dataclass(frozen=True, slots=True, repr=False)
class PostedComment(Displayed):
    """What became of the comment with a report."""

    outcome: CommentOutcome
    service: Service
    project: str
    number: int | None
    """The number of the pull request; None if there is none."""
    url: str = ""
    pictures: int = 0
    """The number of pictures that the comment shows."""
    pictures_left_out: int = 0
    picture_problem: str | None = None
    """Why the pictures were left out; None if there is no place for them."""


class _Publisher:
    """Publishes the reports of a job."""

    def __init__(self, job: CiJob, options: CommentOptions, policy: RetryPolicy | None) -> None:
        self._job: Final = job
        self._options: Final = options
        self._on_github: Final = job.service is Service.GITHUB
        self._client: Final[ApiClient] = (github_client if self._on_github else gitlab_client)(job)
        self._retry: Final = Retrier(policy or RetryPolicy())

    def publish(self, text: str, pictures: Mapping[str, AttachedPicture]) -> PostedComment:
        number = self._number()
        if number is None:
            return PostedComment(CommentOutcome.NO_PULL_REQUEST, self._job.service, self._job.name, None)
        comments = (github_comments if self._on_github else gitlab_comments)(self._job, self._client, number)
        urls, problem = self._upload(comments, pictures)
        body = self._body(text, urls)
        mark = CommentMark(self._options.key, self._job.run)
        outcome, comment = self._retry(partial(write_comment, comments, mark, body))
        left_out = len(pictures) - len(urls)
        return PostedComment(
            outcome, self._job.service, self._job.name, number, comment.url, len(urls), left_out, problem
        )

    def _number(self) -> int | None:
        job = self._job
        if job.number is not None:
            return job.number
        if job.head is not None:
            return self._retry(partial(find_pull_request, job, self._client, job.head))
        if not job.run:
            raise UsageError(
                "no pull request is named",
                why="dver does not run in a CI job",
                fix="pass its number: `dver report --comment --pr NUMBER`",
            )
        return None

    def _body(self, text: str, urls: Mapping[str, str]) -> str:
        artifacts = self._job.artifacts
        link = f"[artifacts of the run]({artifacts})" if artifacts else "output of `dver report --html`"
        limit = (COMMENT_LIMIT if self._on_github else NOTE_LIMIT) - _MARGIN
        shown = harmless(show_pictures(text, urls, f"in the {link}"))
        return shortened(shown, limit, f"The whole report is in the {link}.")

    def _upload(
        self, comments: RestComments, pictures: Mapping[str, AttachedPicture]
    ) -> tuple[dict[str, str], str | None]:
        """The URLs of pictures, and why there are none. A report without pictures is better than none at all."""
        if not pictures or (self._on_github and self._options.images_branch is None):
            return {}, None
        try:
            return self._retry(partial(self._uploaded, comments, pictures)), None
        except RemoteError as error:
            return {}, f"{error.what}: {error.why}"

    def _uploaded(self, comments: RestComments, pictures: Mapping[str, AttachedPicture]) -> dict[str, str]:
        branch = self._options.images_branch
        if self._on_github:
            assert branch is not None
            return commit_pictures(self._job, self._client, branch, pictures)
        before = "\n".join(one.body for one in own_comments(comments, self._options.key))
        return {
            link: _uploaded_before(before, picture)
            or upload_picture(self._job, self._client, picture.name, picture.content)
            for link, picture in pictures.items()
        }


def _uploaded_before(body: str, picture: AttachedPicture) -> str | None:
    """The URL of a picture that the comment with this `body` shows."""
    found = re.search(rf"/uploads/[0-9a-f]+/{re.escape(picture.name)}(?=\))", body)
    return found[0] if found else None


def check_options(options: CommentOptions) -> None:
    """Raise UsageError for an invalid key or branch."""
    check_key(options.key)
    if options.images_branch is not None and not _BRANCH.fullmatch(options.images_branch):
        raise UsageError(
            f"invalid name of a branch: {options.images_branch!r}", fix="such as `--images-branch dver-images`"
        )


def publish_comment(
    job: CiJob,
    text: str,
    pictures: Mapping[str, AttachedPicture],
    options: CommentOptions,
    *,
    policy: RetryPolicy | None = None,
) -> PostedComment:
    """Write the Markdown `text` into the comment of the pull request of `job`. `pictures` are those it shows, by link.

    Raises UsageError, and RemoteError if the host refuses it or cannot be reached.
    """
    check_options(options)
    return _Publisher(job, options, policy).publish(text, pictures)
