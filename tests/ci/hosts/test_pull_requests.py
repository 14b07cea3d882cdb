"""Pull requests are opened once for a branch, on GitHub and GitLab."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hostserver import GITHUB_TOKEN, GITLAB_TOKEN, Fault, Host, hosting

from dver.ci.hosts.job import read_job
from dver.ci.hosts.pull_requests import PullRequestDraft, open_pull_request
from dver.core.errors import DverError
from dver.remote.retry import RetryPolicy

QUICK = RetryPolicy(attempts=4, base=0.01, cap=0.02, patience=0.05)
DRAFT = PullRequestDraft("retrain/churn-v1.1.0", "main", "Retrain churn: v1.1.0", "auc | 0.91")
PATHS = {"github": "/pulls", "gitlab": "/merge_requests"}


@pytest.fixture
def host() -> Iterator[Host]:
    with hosting() as state:
        yield state


def opened(host: Host, service: str) -> str:
    return open_pull_request(read_job(getattr(host, service)()), DRAFT, policy=QUICK)


@pytest.mark.parametrize("service", PATHS)
def test_a_pull_request_is_opened_with_branch_title_and_body(host: Host, service: str) -> None:
    url = opened(host, service)
    (made,) = host.pulls
    assert url == made[{"github": "html_url", "gitlab": "web_url"}[service]]
    assert made["title"] == DRAFT.title
    assert DRAFT.body in made[{"github": "body", "gitlab": "description"}[service]]
    assert made[{"github": "base", "gitlab": "target_branch"}[service]] == "main"


@pytest.mark.parametrize("service", PATHS)
def test_an_open_one_is_used(host: Host, service: str) -> None:
    first = opened(host, service)
    assert opened(host, service) == first
    assert len(host.pulls) == 1


@pytest.mark.parametrize("service", PATHS)
def test_a_lost_answer_does_not_open_a_second_one(host: Host, service: str) -> None:
    host.faults.append(Fault("POST", PATHS[service], 502, after=True))
    opened(host, service)
    assert len(host.pulls) == 1


def test_a_repository_that_forbids_it_says_where_to_allow_it(host: Host) -> None:
    said = {"message": "GitHub Actions is not permitted to create or approve pull requests."}
    host.faults.append(Fault("POST", "/pulls", 403, said))
    with pytest.raises(DverError) as caught:
        opened(host, "github")
    assert "Settings > Actions > General" in str(caught.value.fix)


@pytest.mark.parametrize(("service", "token"), [("github", GITHUB_TOKEN), ("gitlab", GITLAB_TOKEN)])
def test_a_refusal_shows_no_token(host: Host, service: str, token: str) -> None:
    host.read_only = True
    with pytest.raises(DverError) as caught:
        opened(host, service)
    assert token not in f"{caught.value.what}{caught.value.why}{caught.value.fix}"
