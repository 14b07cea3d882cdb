"""Opens pull requests: one for each branch, also if a request is sent twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from dver.ci.hosts.api_client import ApiClient
from dver.ci.hosts.comment_body import harmless, shortened
from dver.ci.hosts.github import COMMENT_LIMIT, github_client, rest_path
from dver.ci.hosts.gitlab import gitlab_client
from dver.ci.hosts.job import CiJob, Service
from dver.ci.hosts.rest_comments import text_of
from dver.remote.retry import Retrier, RetryPolicy

_ACTION: Final = "open a pull request"


@dataclass(frozen=True, slots=True)
class PullRequestDraft:
    """A pull request to open. The host has the branch already."""

    branch: str
    base: str
    """The branch to merge into."""
    title: str
    body: str
    """Markdown."""


def open_pull_request(job: CiJob, draft: PullRequestDraft, *, policy: RetryPolicy | None = None) -> str:
    """Open the pull request, and return its URL; an open one of this branch is used as it is.

    Raises RemoteError if the host refuses it or cannot be reached.
    """
    retry = Retrier(policy or RetryPolicy())
    body = shortened(harmless(draft.body), COMMENT_LIMIT, "The rest was left out.")
    if job.service is Service.GITHUB:
        client, path = github_client(job), f"{rest_path(job)}/pulls"
        owner = job.project.partition("/")[0]
        query = {"state": "open", "head": f"{owner}:{draft.branch}", "base": draft.base}
        content = {"title": draft.title, "head": draft.branch, "base": draft.base, "body": body}
        return retry(partial(_opened, client, path, query, content, "html_url"))
    client, path = gitlab_client(job), f"/projects/{job.project}/merge_requests"
    query = {"state": "opened", "source_branch": draft.branch, "target_branch": draft.base}
    content = {
        "title": draft.title,
        "source_branch": draft.branch,
        "target_branch": draft.base,
        "description": body,
    }
    return retry(partial(_opened, client, path, query, content, "web_url"))


def _opened(client: ApiClient, path: str, query: Mapping[str, str], content: Mapping[str, str], url: str) -> str:
    """The URL of the open pull request of the branch, which is created if there is none."""
    existing: list[Any] = list(client.pages(path, "find the pull request of the branch", **query))
    found = existing[0] if existing else client.send("POST", path, _ACTION, body=dict(content)).data
    address = text_of(found, url) if isinstance(found, dict) else ""
    if not address:
        raise client.not_an_api(_ACTION)
    return address
