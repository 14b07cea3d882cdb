"""Merge requests, notes and uploads of GitLab."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from dver.ci.hosts.api_client import ApiClient, ApiRefusal
from dver.ci.hosts.comments import HostComment
from dver.ci.hosts.job import CiJob
from dver.ci.hosts.rest_comments import CommentEndpoints, RestComments, text_of
from dver.core.errors import DverError
from dver.remote.failures import RefusedError

NOTE_LIMIT: Final = 1_000_000
"""The most characters of a note."""
_UPLOADED: Final = re.compile(r"/uploads/[0-9a-f]+/[A-Za-z0-9._-]+")
_TOKEN: Final = "create a project access token with scope api and role Reporter, and set it as GITLAB_TOKEN"  # noqa: S105


def gitlab_client(job: CiJob) -> ApiClient:
    """The client for the API that `job` names."""
    return ApiClient(job.api, {"PRIVATE-TOKEN": job.token}, lambda refusal: _explained(job, refusal))


def gitlab_comments(job: CiJob, client: ApiClient, number: int) -> RestComments:
    """The notes of merge request `number`."""
    notes = f"/projects/{job.project}/merge_requests/{number}/notes"
    page = f"{job.web}/-/merge_requests/{number}" if job.web else ""
    return RestComments(client, CommentEndpoints(notes, notes, "PUT"), lambda: _account(client), _NoteParser(page))


def upload_picture(job: CiJob, client: ApiClient, name: str, content: bytes) -> str:
    """Attach a picture to the project and return its URL for Markdown."""
    boundary = secrets.token_hex(16)
    body = (
        (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"Content-Type: image/png\r\n\r\n"
        ).encode()
        + content
        + f"\r\n--{boundary}--\r\n".encode()
    )
    action = "upload a picture"
    raw = f"multipart/form-data; boundary={boundary}", body
    data = client.send("POST", f"/projects/{job.project}/uploads", action, raw=raw).data
    url = text_of(data, "url") if isinstance(data, dict) else ""
    if not _UPLOADED.fullmatch(url):
        raise client.not_an_api(action)
    return url


class _NoteParser:
    """Makes comments of notes on the merge request at `page`."""

    def __init__(self, page: str) -> None:
        self._page: Final = page

    def __call__(self, data: Mapping[str, Any]) -> HostComment | None:
        number = data.get("id")
        if not isinstance(number, int) or data.get("system") is True:
            return None
        url = f"{self._page}#note_{number}" if self._page else ""
        return HostComment(number, text_of(data, "author", "username"), text_of(data, "body"), url)


def _account(client: ApiClient) -> str:
    action = "look up the account of the token"
    data = client.get("/user", action)
    name = text_of(data, "username") if isinstance(data, dict) else ""
    if not name:
        raise client.not_an_api(action)
    return name


def _explained(job: CiJob, refusal: ApiRefusal) -> DverError:
    what = f"cannot {refusal.action} on GitLab"
    why, fix = f"GitLab refused it: {refusal.said}", "check the project and the merge request"
    match refusal.status:
        case 401:
            why, fix = f"GitLab does not accept the token: {refusal.said}", f"{_TOKEN}; it may have expired"
        case 403:
            why, fix = f"the token has no permission: {refusal.said}", _TOKEN
        case 404:
            why = f"{job.name} has no such merge request, or the token cannot see it: {refusal.said}"
            fix = f"check the number of the merge request, or {_TOKEN}"
        case 400 | 413 | 422:
            why = f"GitLab does not accept the content: {refusal.said}"
            fix = "write the report to a file: `dver report -o report.md`"
    return RefusedError(what, why=why, fix=fix, code=str(refusal.status))
