"""Pull requests and comments of GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from dver.ci.hosts.api_client import ApiClient, ApiRefusal
from dver.ci.hosts.comments import HostComment
from dver.ci.hosts.github_event import HeadBranch
from dver.ci.hosts.job import CiJob
from dver.ci.hosts.rest_comments import CommentEndpoints, RestComments, text_of
from dver.core.errors import DverError
from dver.remote.failures import RefusedError

COMMENT_LIMIT: Final = 65_536
"""The most characters of a comment."""
_VERSION: Final = "2022-11-28"
_TWO_STEPS: Final = "comment from a workflow of its own, as `dver ci init github` writes it"
_OTHER_TOKEN: Final = "pass another token: this one is wrong, or has expired"  # noqa: S105
_PERMISSION: Final = "add `permissions: pull-requests: write` to the job"


def github_client(job: CiJob) -> ApiClient:
    """The client for the API that `job` names."""
    parts = urlsplit(job.api)
    credentials = {"Authorization": f"Bearer {job.token}"}
    fixed = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": _VERSION}
    return ApiClient(f"{parts.scheme}://{parts.netloc}", credentials, lambda refusal: _explained(job, refusal), fixed)


def rest_path(job: CiJob) -> str:
    """The path of the repository in the REST API."""
    return f"{urlsplit(job.api).path}/repos/{job.project}"


def github_comments(job: CiJob, client: ApiClient, number: int) -> RestComments:
    """The comments of pull request `number`. To GitHub, it is an issue."""
    issues = f"{rest_path(job)}/issues"
    endpoints = CommentEndpoints(f"{issues}/{number}/comments", f"{issues}/comments", "PATCH")
    return RestComments(client, endpoints, lambda: _login(job, client), _parse_comment)


def find_pull_request(job: CiJob, client: ApiClient, head: HeadBranch) -> int | None:
    """The number of the open pull request of branch `head`; None if there is none."""
    owner = head.repository.partition("/")[0]
    action = "find the pull request of the branch"
    query = {"state": "open", "head": f"{owner}:{head.branch}"}
    found = [
        one
        for one in client.pages(f"{rest_path(job)}/pulls", action, **query)
        if isinstance(one, dict) and isinstance(one.get("number"), int) and _is_of(one, head)
    ]
    # The branch may have moved on since the run. The pull request of its commit comes first.
    found.sort(key=lambda one: (text_of(one, "head", "sha") != head.commit, one["number"]))
    return found[0]["number"] if found else None


def _is_of(pull_request: Mapping[str, Any], head: HeadBranch) -> bool:
    return (
        text_of(pull_request, "head", "repo", "full_name").lower() == head.repository.lower()
        and text_of(pull_request, "head", "ref") == head.branch
    )


def _login(job: CiJob, client: ApiClient) -> str:
    """The login of the token's account. The REST API does not say it to the tokens of workflows."""
    path = "/api/graphql" if urlsplit(job.api).path == "/api/v3" else "/graphql"
    action = "look up the account of the token"
    data = client.send("POST", path, action, body={"query": "query { viewer { login } }"}).data
    login = text_of(data, "data", "viewer", "login") if isinstance(data, dict) else ""
    if not login:  # GraphQL reports its errors with status 200
        raise RefusedError(
            f"cannot {action} on GitHub",
            why=f"GitHub does not name it: {client.said(data, 200)}",
            fix=_OTHER_TOKEN,
            code="viewer",
        )
    return login


def _parse_comment(data: Mapping[str, Any]) -> HostComment | None:
    number = data.get("id")
    if not isinstance(number, int):
        return None
    return HostComment(number, text_of(data, "user", "login"), text_of(data, "body"), text_of(data, "html_url"))


def _explained(job: CiJob, refusal: ApiRefusal) -> DverError:
    what = f"cannot {refusal.action} on GitHub"
    why, fix = f"GitHub refused it: {refusal.said}", "check the repository and the pull request"
    match refusal.status:
        case 401:
            why, fix = f"GitHub does not accept the token: {refusal.said}", _OTHER_TOKEN
        case 403 if "not permitted to create" in refusal.said:
            fix = "allow it in Settings > Actions > General > Workflow permissions, or open it by hand"
        case 403 if "locked" in refusal.said:
            fix = "unlock the conversation of the pull request"
        case 403:
            needed = refusal.headers.get("X-Accepted-GitHub-Permissions", "")
            why = f"the token has no permission: {refusal.said}" + (f", needs {needed[:80]}" if needed else "")
            fix = _TWO_STEPS if job.from_fork else _PERMISSION
        case 404:
            why = f"{job.project} has no such pull request, or the token cannot see it: {refusal.said}"
            fix = f"check the number of the pull request, or {_PERMISSION}"
        case 422:
            why, fix = (
                f"GitHub does not accept the content: {refusal.said}",
                "write the report to a file: `dver report -o report.md`",
            )
    return RefusedError(what, why=why, fix=fix, code=str(refusal.status))
