"""The CI job in the environment: host, project, pull request and token."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hostserver import GITHUB_TOKEN, GITLAB_TOKEN

from dver.ci.hosts.github_event import HeadBranch, WorkflowEvent, parse_event
from dver.ci.hosts.job import read_job
from dver.core.errors import UsageError

GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/churn", "GITHUB_TOKEN": GITHUB_TOKEN}
GITLAB = {"GITLAB_CI": "true", "CI_PROJECT_ID": "42", "GITLAB_TOKEN": GITLAB_TOKEN}
ENTERPRISE = {"GITHUB_SERVER_URL": "https://git.acme.org", "GITHUB_API_URL": "https://git.acme.org/api/v3"}


def event_file(path: Path, payload: Any) -> str:
    path.write_text(json.dumps(payload))
    return str(path)


def refusal(environ: dict[str, str]) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read_job(environ)
    texts = (caught.value.what, caught.value.why or "", caught.value.fix or "")
    assert not any(GITHUB_TOKEN in text or GITLAB_TOKEN in text for text in texts)
    return caught.value


def test_a_workflow_of_a_pull_request() -> None:
    job = read_job(GITHUB | {"GITHUB_REF": "refs/pull/12/merge", "GITHUB_RUN_ID": "99"})
    assert (job.api, job.project, job.number, job.run) == ("https://api.github.com", "acme/churn", 12, 99)
    assert job.artifacts == "https://github.com/acme/churn/actions/runs/99#artifacts"


def test_an_enterprise_server_has_its_own_api_and_token() -> None:
    job = read_job(GITHUB | ENTERPRISE)
    assert job.api == "https://git.acme.org/api/v3"
    outside = {name: value for name, value in (GITHUB | ENTERPRISE).items() if name != "GITHUB_ACTIONS"}
    assert "GH_ENTERPRISE_TOKEN" in str(refusal(outside).why)
    assert read_job(outside | {"GH_ENTERPRISE_TOKEN": "other"}).token == "other"


def test_a_cloud_with_data_residency_has_its_api_on_a_subdomain() -> None:
    urls = {"GITHUB_SERVER_URL": "https://acme.ghe.com", "GITHUB_API_URL": "https://api.acme.ghe.com"}
    assert read_job(GITHUB | urls).api == "https://api.acme.ghe.com"


@pytest.mark.parametrize(
    "api",
    ["https://evil.org", "https://api.github.com.evil.org", "https://api.github.com@evil.org", "https://github.com:1"],
)
def test_an_api_on_another_host_gets_no_token(api: str) -> None:
    refusal(GITHUB | {"GITHUB_API_URL": api})
    refusal(GITLAB | {"CI_SERVER_URL": "https://gitlab.com", "CI_API_V4_URL": f"{api}/api/v4"})


@pytest.mark.parametrize("url", ["", "file:///etc", "https://", "https://user:secret@github.com", "https://a b"])
def test_an_invalid_url_of_a_server_is_refused(url: str) -> None:
    if url:
        refusal(GITHUB | {"GITHUB_SERVER_URL": url})
    assert read_job(GITHUB | {"GITHUB_SERVER_URL": ""}).web == "https://github.com/acme/churn"


def test_a_missing_token_names_its_variable() -> None:
    error = refusal({**GITHUB, "GITHUB_TOKEN": ""})
    assert error.why == "GITHUB_TOKEN is not set"
    assert "${{ github.token }}" in str(error.fix)
    error = refusal({**GITLAB, "GITLAB_TOKEN": "", "CI_JOB_TOKEN": "x"})
    assert error.why == "GITLAB_TOKEN is not set, and job tokens cannot write comments"


@pytest.mark.parametrize("token", ["a b", "a\nX-Header: 1", "ü"])
def test_a_token_that_would_break_a_header_is_refused(token: str) -> None:
    assert refusal(GITHUB | {"GITHUB_TOKEN": token}).what == "GITHUB_TOKEN is not a token"


def test_no_ci_at_all() -> None:
    error = refusal({"GITHUB_TOKEN": GITHUB_TOKEN})
    assert "GITHUB_REPOSITORY=OWNER/NAME" in str(error.fix)


@pytest.mark.parametrize("name", ["", "churn", "acme/churn/../x", "acme/churn?x"])
def test_an_invalid_repository_is_refused(name: str) -> None:
    assert refusal(GITHUB | {"GITHUB_REPOSITORY": name}).fix == "set GITHUB_REPOSITORY to OWNER/NAME"


def test_a_number_replaces_the_pull_request_of_the_job() -> None:
    assert read_job(GITHUB | {"GITHUB_REF": "refs/pull/12/merge"}, number=3).number == 3


# -- events ----------------------------------------------------------------------------------------------------------


def test_a_workflow_of_a_fork_knows_so(tmp_path: Path) -> None:
    head = {"ref": "topic", "sha": "a" * 40, "repo": {"full_name": "stranger/churn"}}
    path = event_file(tmp_path / "event.json", {"number": 12, "pull_request": {"number": 12, "head": head}})
    job = read_job(GITHUB | {"GITHUB_EVENT_PATH": path})
    assert (job.number, job.from_fork) == (12, True)
    trusted = GITHUB | {"GITHUB_EVENT_PATH": path, "GITHUB_EVENT_NAME": "pull_request_target"}
    assert not read_job(trusted).from_fork


def test_a_trusted_workflow_after_that_of_a_fork_can_write(tmp_path: Path) -> None:
    head = {"head_branch": "topic", "head_sha": "a" * 40, "head_repository": {"full_name": "stranger/churn"}}
    path = event_file(tmp_path / "event.json", {"workflow_run": {"id": 77, **head}})
    job = read_job(GITHUB | {"GITHUB_EVENT_PATH": path, "GITHUB_RUN_ID": "99"})
    assert (job.from_fork, job.run) == (False, 77)
    assert job.artifacts.endswith("/actions/runs/77#artifacts")


def test_the_event_of_an_ended_workflow_names_its_branch_and_run() -> None:
    run = {
        "id": 77,
        "head_branch": "topic",
        "head_sha": "a" * 40,
        "head_repository": {"full_name": "stranger/churn"},
        "pull_requests": [],
    }
    assert parse_event({"workflow_run": run}) == WorkflowEvent(
        None, HeadBranch("stranger/churn", "topic", "a" * 40), 77
    )


def test_a_comment_on_a_pull_request_names_it() -> None:
    assert parse_event({"issue": {"number": 5, "pull_request": {"url": "x"}}}).number == 5
    assert parse_event({"issue": {"number": 5}}).number is None


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "x",
        {"pull_request": []},
        {"pull_request": {"number": "7"}},
        {"workflow_run": {"id": True}},
        {"issue": 1},
    ],
)
def test_an_odd_event_names_no_pull_request(payload: Any) -> None:
    event = parse_event(payload)
    assert (event.number, event.head, event.triggering_run) == (None, None, 0)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_an_unreadable_event_is_an_error_with_a_fix(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(content)
    environ = GITHUB | {"GITHUB_EVENT_PATH": str(path)}
    error = refusal(environ)
    variable = re.search(r"unset (\w+)", str(error.fix))
    assert variable is not None
    del environ[variable[1]]
    assert read_job(environ, number=3).number == 3


# -- GitLab ----------------------------------------------------------------------------------------------------------


def test_a_pipeline_of_a_merge_request() -> None:
    more = {"CI_MERGE_REQUEST_IID": "5", "CI_MERGE_REQUEST_PROJECT_ID": "41", "CI_PIPELINE_ID": "8"}
    job = read_job(GITLAB | more)
    assert (job.api, job.project, job.number, job.run) == ("https://gitlab.com/api/v4", "41", 5, 8)


def test_a_pipeline_of_a_branch_finds_its_open_merge_request() -> None:
    job = read_job(GITLAB | {"CI_OPEN_MERGE_REQUESTS": "acme/sub/churn!333,acme/churn!4"})
    assert (job.project, job.number) == ("acme%2Fsub%2Fchurn", 333)


def test_a_pipeline_in_a_fork_has_no_token_of_the_project() -> None:
    more = {"CI_MERGE_REQUEST_IID": "5", "CI_MERGE_REQUEST_PROJECT_ID": "41", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "9"}
    assert read_job(GITLAB | more).from_fork
    assert "run the pipeline in the project" in str(refusal(GITLAB | more | {"GITLAB_TOKEN": ""}).fix)


def test_a_self_managed_server_below_a_path() -> None:
    assert read_job(GITLAB | {"CI_SERVER_URL": "http://git.acme.org/gitlab"}).api == "http://git.acme.org/gitlab/api/v4"
