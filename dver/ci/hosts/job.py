"""The CI job that dver runs in: its host, project, pull request and token, from environment variables. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from dver.ci.hosts.github_event import HeadBranch, WorkflowEvent, read_event
from dver.core.errors import UsageError

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_MERGE_REQUEST: Final = re.compile(r"([^!,\s]+)!([0-9]{1,18})")
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_SERVER: Final = re.compile(r"https?://([A-Za-z0-9.\[\]:-]+)(?:/[A-Za-z0-9._~/-]*)?")
_ENVIRONMENT: Final = "set `env: GITHUB_TOKEN: ${{ github.token }}` on the step"


class Service(StrEnum):
    """The kind of a host."""

    GITHUB = "github"
    GITLAB = "gitlab"


@dataclass(frozen=True, slots=True)
class CiJob:
    """A job. `number` is its pull request; None if only `head` is known, or neither."""

    service: Service
    api: str
    """The base URL of the host's API, without a slash at the end."""
    project: str
    """The project as the API names it: `OWNER/NAME` on GitHub, an id or a quoted path on GitLab."""
    name: str
    """The project as people name it."""
    web: str
    """The URL of the project's pages."""
    token: str = field(repr=False)
    """Sent to the host of `api`, and to no other."""
    number: int | None = None
    head: HeadBranch | None = None
    """The branch by which to find the pull request on GitHub."""
    from_fork: bool = False
    """Whether the job runs for a fork, and gets no token that can write."""
    run: int = 0
    """Runs that start later have higher numbers; 0 outside of CI."""
    artifacts: str = ""
    """The URL of the page with the artifacts of the run; empty outside of CI."""
    branch: str = ""
    """The branch that the job runs on; empty for tags, pull requests and outside of CI."""


def read_job(environ: Mapping[str, str], *, number: int | None = None) -> CiJob:
    """The job that the variables `environ` describe. `number` replaces its pull request.

    Raises UsageError if they describe none, or a token is missing.
    """
    if environ.get("GITHUB_ACTIONS") == "true" or (environ.get("GITHUB_REPOSITORY") and not environ.get("GITLAB_CI")):
        job = _github_job(environ)
    elif environ.get("GITLAB_CI") or environ.get("CI_PROJECT_ID"):
        job = _gitlab_job(environ)
    else:
        raise UsageError(
            "dver does not run in a CI job of GitHub or GitLab",
            why="neither GITHUB_REPOSITORY nor CI_PROJECT_ID is set",
            fix="set GITHUB_REPOSITORY=OWNER/NAME and GITHUB_TOKEN, and pass `--pr NUMBER`",
        )
    return job if number is None else replace(job, number=number, head=None)


# -- GitHub ----------------------------------------------------------------------------------------------------------


def _github_job(environ: Mapping[str, str]) -> CiJob:
    server = (environ.get("GITHUB_SERVER_URL") or "https://github.com").rstrip("/")
    host = _host_of("GITHUB_SERVER_URL", server)
    api = environ.get("GITHUB_API_URL") or ("https://api.github.com" if host == "github.com" else f"{server}/api/v3")
    _check_same_host("GITHUB_API_URL", api, host)
    project = environ.get("GITHUB_REPOSITORY", "")
    if not _REPOSITORY.fullmatch(project):
        raise UsageError(
            f"GITHUB_REPOSITORY is not a repository: {project!r}", fix="set GITHUB_REPOSITORY to OWNER/NAME"
        )
    web = f"{server}/{project}"
    event = read_event(environ)
    run = event.triggering_run or _number(environ.get("GITHUB_RUN_ID"))
    return CiJob(
        Service.GITHUB,
        api.rstrip("/"),
        project,
        project,
        web,
        _github_token(environ, host),
        number=event.number or _number_of_ref(environ.get("GITHUB_REF", "")),
        head=event.head or _branch_head(environ, project),
        from_fork=_is_from_fork(environ, event, project),
        run=run,
        artifacts=f"{web}/actions/runs/{run}#artifacts" if run else "",
        branch=_branch_of_ref(environ.get("GITHUB_REF", "")),
    )


def _branch_of_ref(ref: str) -> str:
    return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""


def _is_from_fork(environ: Mapping[str, str], event: WorkflowEvent, project: str) -> bool:
    """Whether the workflow runs the code of a fork, so that its token can only read."""
    if event.head is None or event.triggering_run or environ.get("GITHUB_EVENT_NAME") == "pull_request_target":
        return False
    return event.head.repository.lower() != project.lower()


def _branch_head(environ: Mapping[str, str], project: str) -> HeadBranch | None:
    """The branch of this workflow, whose event has no pull request."""
    branch = environ.get("GITHUB_REF", "").removeprefix("refs/heads/")
    if not branch or branch == environ.get("GITHUB_REF"):
        return None
    return HeadBranch(project, branch, environ.get("GITHUB_SHA", ""))


def _number_of_ref(ref: str) -> int | None:
    found = re.fullmatch(r"refs/pull/([0-9]{1,18})/(?:merge|head)", ref)
    return int(found[1]) if found else None


def _github_token(environ: Mapping[str, str], host: str) -> str:
    """The token for `host`. GITHUB_TOKEN is one of github.com, except in jobs: there it is one of the job's host."""
    names = ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]
    if environ.get("GITHUB_ACTIONS") == "true" or host == "github.com" or host.endswith(".ghe.com"):
        names = ["GITHUB_TOKEN", "GH_TOKEN"]
    fix = _ENVIRONMENT if environ.get("GITHUB_ACTIONS") == "true" else f"set {names[0]} to a token of {host}"
    return _token(environ, names, host, fix)


# -- GitLab ----------------------------------------------------------------------------------------------------------


def _gitlab_job(environ: Mapping[str, str]) -> CiJob:
    server = (environ.get("CI_SERVER_URL") or "https://gitlab.com").rstrip("/")
    host = _host_of("CI_SERVER_URL", server)
    api = environ.get("CI_API_V4_URL") or f"{server}/api/v4"
    _check_same_host("CI_API_V4_URL", api, host)
    project, number = _merge_request(environ)
    if not project:
        raise UsageError("CI_PROJECT_ID is not set", fix="set it to the id of the project")
    source, target = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"), environ.get("CI_MERGE_REQUEST_PROJECT_ID")
    from_fork = bool(source and target and source != target)
    job_url = environ.get("CI_JOB_URL", "")
    return CiJob(
        Service.GITLAB,
        api.rstrip("/"),
        quote(project, safe=""),
        environ.get("CI_MERGE_REQUEST_PROJECT_PATH") or environ.get("CI_PROJECT_PATH") or project,
        environ.get("CI_MERGE_REQUEST_PROJECT_URL") or environ.get("CI_PROJECT_URL", ""),
        _gitlab_token(environ, host, from_fork=from_fork),
        number=number,
        from_fork=from_fork,
        run=_number(environ.get("CI_PIPELINE_ID")),
        artifacts=f"{job_url}/artifacts/browse" if job_url else "",
        branch=environ.get("CI_COMMIT_BRANCH") or environ.get("CI_DEFAULT_BRANCH", ""),
    )


def _merge_request(environ: Mapping[str, str]) -> tuple[str, int | None]:
    """Project and number of the merge request. Pipelines of branches know the open ones of their branch."""
    if number := _number(environ.get("CI_MERGE_REQUEST_IID")):
        return environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ.get("CI_PROJECT_ID", ""), number
    if found := _MERGE_REQUEST.match(environ.get("CI_OPEN_MERGE_REQUESTS", "")):
        return found[1], int(found[2])
    return environ.get("CI_PROJECT_ID", ""), None


def _gitlab_token(environ: Mapping[str, str], host: str, *, from_fork: bool) -> str:
    fix = "create a project access token with scope api and role Reporter, and set it as masked variable GITLAB_TOKEN"
    if from_fork:
        fix = "run the pipeline in the project of the merge request: forks do not get its GITLAB_TOKEN"
    return _token(environ, ["GITLAB_TOKEN"], host, fix)


# -- both ------------------------------------------------------------------------------------------------------------


def _token(environ: Mapping[str, str], names: list[str], host: str, fix: str) -> str:
    for name in names:
        token = environ.get(name, "").strip()
        if token and not _TOKEN.fullmatch(token):
            raise UsageError(f"{name} is not a token", why="it has spaces or special characters", fix=f"correct {name}")
        if token:
            return token
    why = f"{names[0]} is not set"
    if "GITLAB_TOKEN" in names and environ.get("CI_JOB_TOKEN"):
        why += ", and job tokens cannot write comments"
    raise UsageError(f"no token for comments on {host}", why=why, fix=fix)


def _host_of(variable: str, url: str) -> str:
    """The host and port of `url`, the value of `variable`."""
    found = _SERVER.fullmatch(url)
    if found is None:
        raise UsageError(f"{variable} is not the URL of a server", fix=f"correct {variable}, such as https://host")
    return found[1].lower()


def _check_same_host(variable: str, api: str, host: str) -> None:
    """Raise UsageError if a token of `host` would go to another one."""
    if _host_of(variable, api) not in (host, f"api.{host}"):
        raise UsageError(
            f"{variable} names another host than {host}",
            why="the token would be sent there",
            fix=f"correct {variable}, or the URL of the server",
        )


def _number(text: str | None) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text) else 0
