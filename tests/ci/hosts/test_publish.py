"""Reports as comments on pull requests: one for each key, updated in place, on GitHub and GitLab."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hostserver import BOT, GITHUB_TOKEN, GITLAB_TOKEN, PROJECT, Fault, Host, Note, hosting

from dver.ci.hosts.comments import CommentOutcome
from dver.ci.hosts.job import CiJob, read_job
from dver.ci.hosts.pictures import AttachedPicture
from dver.ci.hosts.publish import CommentOptions, PostedComment, publish_comment
from dver.core.errors import DverError, RemoteError, UsageError
from dver.remote.failures import TransientError
from dver.remote.retry import RetryPolicy

QUICK = RetryPolicy(attempts=4, base=0.01, cap=0.02, patience=0.05)
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
SERVICES = ["github", "gitlab"]


@pytest.fixture
def host() -> Iterator[Host]:
    with hosting() as state:
        yield state


def job_on(host: Host, service: str, **more: str) -> CiJob:
    return read_job(getattr(host, service)(**more))


def post(
    host: Host,
    service: str,
    text: str = "report",
    *,
    key: str = "report",
    pictures: dict[str, bytes] | None = None,
    images_branch: str | None = None,
    **more: str,
) -> PostedComment:
    """Publish `text`, with the run and further variables of the job in `more`."""
    attached = {link: AttachedPicture(content) for link, content in (pictures or {}).items()}
    options = CommentOptions(key, images_branch)
    return publish_comment(job_on(host, service, **more), text, attached, options, policy=QUICK)


def refusal(call: Callable[[], object]) -> DverError:
    """The error of `call`. It has all three parts, each in one line, and shows no token."""
    with pytest.raises(DverError) as caught:
        call()
    for line in (caught.value.what, caught.value.why, caught.value.fix):
        assert line
        assert "\n" not in line
        assert GITHUB_TOKEN not in line
        assert GITLAB_TOKEN not in line
    return caught.value


# -- create and update -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_the_second_run_updates_the_comment_of_the_first(host: Host, service: str) -> None:
    assert post(host, service, "one").outcome is CommentOutcome.CREATED
    result = post(host, service, "two")
    assert result.outcome is CommentOutcome.UPDATED
    assert result.number == 7
    assert result.url.startswith(f"{host.url}/{PROJECT}/")
    assert result.url.endswith("101")
    assert host.bodies() == ["<!-- dver report key=report run=500 -->\ntwo"]


@pytest.mark.parametrize("service", SERVICES)
def test_each_key_has_a_comment_of_its_own(host: Host, service: str) -> None:
    post(host, service, "train", key="train")
    post(host, service, "eval", key="eval")
    post(host, service, "eval again", key="eval")
    assert [body.splitlines()[1] for body in host.bodies()] == ["train", "eval again"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_comment_of_another_account_with_our_mark_is_left_alone(host: Host, service: str) -> None:
    forged = Note(5, "mallory", "<!-- dver report key=report run=9 -->\nforged")
    host.notes[7].append(forged)
    assert post(host, service).outcome is CommentOutcome.CREATED
    assert forged.body.endswith("forged")


@pytest.mark.parametrize("service", SERVICES)
def test_a_quoted_mark_of_our_account_is_not_our_comment(host: Host, service: str) -> None:
    author = host.accounts[GITHUB_TOKEN if service == "github" else GITLAB_TOKEN]
    host.notes[7].append(Note(5, author, "> <!-- dver report key=report run=9 -->\nquoted"))
    assert post(host, service).outcome is CommentOutcome.CREATED


@pytest.mark.parametrize("service", SERVICES)
def test_the_own_comment_is_found_on_a_later_page(host: Host, service: str) -> None:
    host.page = 3
    host.notes[7] += [Note(number, "someone", "hello") for number in range(10)]
    post(host, service, "one")
    host.notes[7] += [Note(number, "someone", "hello") for number in range(200, 210)]
    assert post(host, service, "two").outcome is CommentOutcome.UPDATED
    assert len(host.notes[7]) == 21


def test_a_note_that_gitlab_has_written_itself_is_not_our_comment(host: Host) -> None:
    host.notes[7].append(Note(5, "project_1_bot", "<!-- dver report key=report run=1 -->\n", system=True))
    assert post(host, "gitlab").outcome is CommentOutcome.CREATED


@pytest.mark.parametrize("service", SERVICES)
def test_an_earlier_run_that_ends_later_does_not_overwrite_the_comment(host: Host, service: str) -> None:
    run = "GITHUB_RUN_ID" if service == "github" else "CI_PIPELINE_ID"
    post(host, service, "new", **{run: "501"})
    assert post(host, service, "old", **{run: "500"}).outcome is CommentOutcome.OUTDATED
    assert post(host, service, "again", **{run: "501"}).outcome is CommentOutcome.UPDATED
    assert host.bodies()[0].endswith("again")


@pytest.mark.parametrize("service", SERVICES)
def test_a_comment_that_is_deleted_during_the_update_is_created_again(host: Host, service: str) -> None:
    post(host, service, "one")

    def delete_before_the_update(method: str, _path: str) -> None:
        if method in ("PATCH", "PUT"):
            host.notes[7].clear()

    host.before = delete_before_the_update
    assert post(host, service, "two").outcome is CommentOutcome.CREATED
    assert len(host.notes[7]) == 1


def test_github_com_has_its_api_at_the_top_of_a_host(host: Host) -> None:
    assert post(host, "github", GITHUB_API_URL=host.url).outcome is CommentOutcome.CREATED
    assert post(host, "github", GITHUB_API_URL=f"{host.url}/").outcome is CommentOutcome.UPDATED
    assert not any(path.startswith("/api") for _, path in host.seen)


# -- races -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("runs", [[500, 501], [501, 500], [503, 501, 502, 500]])
def test_jobs_that_run_at_once_leave_one_comment_of_the_latest_run(host: Host, service: str, runs: list[int]) -> None:
    """All look for a comment before one is created."""
    name = "GITHUB_RUN_ID" if service == "github" else "CI_PIPELINE_ID"
    all_have_looked = threading.Barrier(len(runs), timeout=20)

    def wait(method: str, path: str) -> None:
        if method == "POST" and ("comments" in path or "notes" in path):
            all_have_looked.wait()

    host.before = wait
    jobs = [threading.Thread(target=post, args=(host, service, f"of {run}"), kwargs={name: str(run)}) for run in runs]
    for one in jobs:
        one.start()
    for one in jobs:
        one.join()
    host.before = None
    assert len(host.bodies()) == 1
    assert host.bodies()[0].endswith(f"of {max(runs)}")


@pytest.mark.parametrize("service", SERVICES)
def test_the_duplicate_of_a_killed_job_is_removed_by_the_next_run(host: Host, service: str) -> None:
    author = host.accounts[GITHUB_TOKEN if service == "github" else GITLAB_TOKEN]
    for number in (5, 6):
        host.notes[7].append(Note(number, author, f"<!-- dver report key=report run={number} -->\n"))
    assert post(host, service, "next").outcome is CommentOutcome.UPDATED
    assert [one.id for one in host.notes[7]] == [5]


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_an_invalid_token_is_reported(host: Host, service: str) -> None:
    host.accounts.clear()
    error = refusal(lambda: post(host, service))
    assert "does not accept the token: 401" in str(error.why)


def test_a_read_only_token_names_the_missing_permission(host: Host) -> None:
    host.read_only = True
    error = refusal(lambda: post(host, "github"))
    assert "Resource not accessible by integration, needs issues=write" in str(error.why)
    assert error.fix == "add `permissions: pull-requests: write` to the job"


def test_a_read_only_token_of_a_fork_leads_to_the_two_step_workflow(host: Host) -> None:
    host.read_only = True
    job = replace(job_on(host, "github"), from_fork=True)
    error = refusal(lambda: publish_comment(job, "x", {}, CommentOptions("report"), policy=QUICK))
    assert "dver ci init github" in str(error.fix)


def test_a_gitlab_token_without_the_scope_names_it(host: Host) -> None:
    host.read_only = True
    error = refusal(lambda: post(host, "gitlab"))
    assert "insufficient_scope" in str(error.why)
    assert "scope api and role Reporter" in str(error.fix)


@pytest.mark.parametrize("service", SERVICES)
def test_a_missing_pull_request_is_reported(host: Host, service: str) -> None:
    del host.notes[7]
    assert "no such" in str(refusal(lambda: post(host, service)).why)


def test_a_locked_conversation_is_reported(host: Host) -> None:
    host.faults.append(
        Fault("POST", "/comments", 403, {"message": "Unable to create comment because issue is locked."})
    )
    assert refusal(lambda: post(host, "github")).fix == "unlock the conversation of the pull request"


def test_invalid_content_is_reported_with_the_message_of_the_host(host: Host) -> None:
    errors = [{"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": "is a problem"}]
    host.faults.append(Fault("POST", "/comments", 422, {"message": "Validation Failed", "errors": errors}))
    assert "422 Validation Failed; is a problem" in str(refusal(lambda: post(host, "github")).why)
    host.faults.append(Fault("POST", "/notes", 400, {"message": {"note": [["can't be blank"]]}}))
    assert "400 can't be blank" in str(refusal(lambda: post(host, "gitlab")).why)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_is_retried(host: Host, service: str, status: int) -> None:
    host.faults.append(Fault("GET", "7", status, b"<html>bad gateway</html>"))
    assert post(host, service).outcome is CommentOutcome.CREATED


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("status", [0, 502])
def test_a_comment_whose_response_was_lost_is_not_created_twice(host: Host, service: str, status: int) -> None:
    path = "/comments" if service == "github" else "/notes"
    host.faults.append(Fault("POST", path, status, after=True))
    assert post(host, service).outcome is CommentOutcome.UPDATED
    assert len(host.notes[7]) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_a_lasting_failure_is_an_error_after_some_tries(host: Host, service: str) -> None:
    host.faults += [Fault("POST", "7", 503) for _ in range(10)]
    with pytest.raises(TransientError) as caught:
        post(host, service)
    assert "(4 tries)" in str(caught.value.why)


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (429, {"Retry-After": "0"}, "Retry later"),
        (403, {"Retry-After": "0"}, "You have exceeded a secondary rate limit."),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000"}, "API rate limit exceeded"),
        (429, {"RateLimit-Remaining": "0", "RateLimit-Reset": "1000"}, "Too many requests"),
        (403, {}, "You have exceeded a secondary rate limit. Please wait."),
    ],
)
def test_a_short_rate_limit_is_waited_for(host: Host, status: int, headers: dict[str, str], message: str) -> None:
    host.faults.append(Fault("POST", "/comments", status, {"message": message}, headers))
    assert post(host, "github").outcome is CommentOutcome.CREATED


def test_a_long_rate_limit_is_an_error_with_its_end(host: Host) -> None:
    host.faults.append(Fault("POST", "/comments", 429, {"message": "slow down"}, {"Retry-After": "3600"}))
    error = refusal(lambda: post(host, "github"))
    assert "rate limit is reached: 429 slow down" in str(error.why)
    assert str(error.fix).endswith("UTC")
    assert sum(1 for method, _ in host.seen if method == "POST") == 2  # the account, and one comment


def test_the_end_of_a_rate_limit_is_by_the_clock_of_the_server(host: Host) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2000000001", "Date": "Wed, 18 May 2033 03:33:20 GMT"}
    host.faults.append(Fault("POST", "/comments", 403, {"message": "API rate limit exceeded"}, headers))
    assert post(host, "github").outcome is CommentOutcome.CREATED


def test_a_page_of_a_proxy_is_not_taken_for_the_api(host: Host) -> None:
    host.faults.append(Fault("GET", "/comments", 200, b"<html>Please log in</html>"))
    assert "not one of the host's API" in str(refusal(lambda: post(host, "github")).why)


def test_a_message_of_the_server_never_shows_the_token(host: Host) -> None:
    host.faults.append(Fault("POST", "/comments", 422, {"message": f"bad Bearer {GITHUB_TOKEN}\x1b[31m\nsecond line"}))
    assert "bad Bearer ***[31m second line" in str(refusal(lambda: post(host, "github")).why)


def test_a_token_whose_account_graphql_does_not_name_is_reported(host: Host) -> None:
    body = {"data": None, "errors": [{"type": "FORBIDDEN", "message": "Resource not accessible"}]}
    host.faults.append(Fault("POST", "/graphql", 200, body))
    assert refusal(lambda: post(host, "github")).why == "GitHub does not name it: 200 Resource not accessible"


# -- where the token goes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_a_redirect_to_another_host_is_not_followed(host: Host, service: str) -> None:
    with hosting() as other:
        host.faults.append(Fault("GET", "7", 302, headers={"Location": f"{other.url}/api/v3/x"}))
        error = refusal(lambda: post(host, service))
        assert "token must not go there" in str(error.why)
        assert other.seen == []


def test_a_redirect_within_the_host_is_followed(host: Host) -> None:
    moved = f"/api/v3/repos/{PROJECT}/issues/7/comments?per_page=100&page=1"
    host.faults.append(Fault("GET", "/comments", 301, headers={"Location": moved}))
    assert post(host, "github").outcome is CommentOutcome.CREATED


def test_links_to_next_pages_on_other_hosts_are_not_followed(host: Host) -> None:
    host.page = 1
    host.notes[7] += [Note(number, "someone", "hello") for number in range(3)]
    with hosting() as other:
        host.next_host = other.url
        assert post(host, "github").outcome is CommentOutcome.CREATED
        assert other.seen == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_repr_shows_the_token(host: Host, service: str) -> None:
    job = job_on(host, service)
    assert job.token not in repr(job)


# -- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_a_report_mentions_no_users_and_has_no_quick_actions(host: Host, service: str) -> None:
    post(host, service, "model@v1.0 for @acme/owners\n/merge\n\r/approve\nsee a/b")
    assert host.bodies()[0].splitlines()[1:] == [
        "model@v1.0 for @\u200bacme/owners",
        "\\/merge",
        "",
        "\\/approve",
        "see a/b",
    ]


def test_a_long_report_is_shortened_below_the_limit_of_the_host(host: Host) -> None:
    lines = ["<details>", "```"] + ["🐈" * 20 + str(number) for number in range(3_000)]
    post(host, "github", "\n".join(lines))
    body = host.bodies()[0]
    assert len(body.encode("utf-16-le")) // 2 <= 65_536
    assert len(body.encode("utf-16-le")) // 2 > 60_000
    assert "\n```\n\n</details>\n\n**Shortened:** the first" in body
    assert f"[artifacts of the run]({host.url}/{PROJECT}/actions/runs/500#artifacts)" in body


@pytest.mark.parametrize("key", ["", "a--b", "-->", "a b", "x" * 65, "ü", "a."])
def test_an_invalid_key_is_refused_with_an_example_that_is_valid(host: Host, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        post(host, "github", key=key)
    assert post(host, "github", key=str(caught.value.fix).split()[-1]).outcome is CommentOutcome.CREATED


# -- pictures --------------------------------------------------------------------------------------------------------


def test_gitlab_gets_each_picture_once(host: Host) -> None:
    text = "![loss](pictures/loss.png)\n![again](pictures/loss.png)"
    assert post(host, "gitlab", text, pictures={"pictures/loss.png": PNG}).pictures == 1
    assert post(host, "gitlab", text, pictures={"pictures/loss.png": PNG}).pictures == 1
    assert list(host.uploads.values()) == [PNG]
    (url,) = host.uploads
    assert host.bodies()[0].splitlines()[1:] == [f"![loss]({url})", f"![again]({url})"]
    assert sum(1 for _, path in host.seen if path.endswith("/uploads")) == 1


def test_a_report_is_posted_without_pictures_if_they_are_refused(host: Host) -> None:
    host.faults.append(Fault("POST", "/uploads", 413, {"error": "file is too large"}))
    result = post(host, "gitlab", "![loss](loss.png)", pictures={"loss.png": PNG})
    assert (result.outcome, result.pictures, result.pictures_left_out) == (CommentOutcome.CREATED, 0, 1)
    assert "file is too large" in str(result.picture_problem)
    assert "*loss: in the [artifacts of the run]" in host.bodies()[0]


def test_github_without_a_branch_for_pictures_links_to_the_artifacts(host: Host) -> None:
    result = post(host, "github", "![loss](loss.png) ![other](https://e.org/x.png)", pictures={"loss.png": PNG})
    assert result.pictures_left_out == 1
    assert result.picture_problem is None
    assert host.bodies()[0].splitlines()[1] == (
        f"*loss: in the [artifacts of the run]({host.url}/{PROJECT}/actions/runs/500#artifacts)* "
        "![other](https://e.org/x.png)"
    )


def test_github_shows_pictures_from_a_branch_that_only_grows(host: Host) -> None:
    def tree() -> dict[str, str]:
        tip = host.objects[host.refs["refs/heads/dver-images"]]
        return dict(host.objects[tip["tree"]["sha"]])

    post(host, "github", "![a](a.png)", pictures={"a.png": PNG}, images_branch="dver-images")
    first = tree()
    (name,) = first
    assert host.objects[first[name]] == PNG
    assert f"![a]({host.url}/{PROJECT}/blob/dver-images/{name}?raw=true)" in host.bodies()[0]
    tip = host.refs["refs/heads/dver-images"]
    post(host, "github", "![a](a.png)", pictures={"a.png": PNG}, images_branch="dver-images")
    assert host.refs["refs/heads/dver-images"] == tip
    post(host, "github", "![a](a.png)", pictures={"a.png": PNG + b"2"}, images_branch="dver-images")
    assert len(tree()) == 2
    assert host.objects[host.refs["refs/heads/dver-images"]]["parents"] == [tip]


def test_jobs_that_commit_pictures_at_once_keep_all_of_them(host: Host) -> None:
    jobs = [
        threading.Thread(
            target=post,
            args=(host, "github", "![a](a.png)"),
            kwargs={"pictures": {"a.png": PNG + bytes([n])}, "images_branch": "dver-images", "key": f"k{n}"},
        )
        for n in range(3)
    ]
    for one in jobs:
        one.start()
    for one in jobs:
        one.join()
    tip = host.objects[host.refs["refs/heads/dver-images"]]
    assert len(host.objects[tip["tree"]["sha"]]) == 3


def test_a_branch_with_other_commits_gets_no_pictures(host: Host) -> None:
    host.objects |= {"c1": {"tree": {"sha": "t1"}, "parents": [], "message": "Add model"}, "t1": {}}
    host.refs["refs/heads/main"] = "c1"
    error = refusal(lambda: post(host, "github", "![a](a.png)", pictures={"a.png": PNG}, images_branch="main"))
    assert "--images-branch dver-images" in str(error.fix)
    assert host.refs == {"refs/heads/main": "c1"}


def test_a_protected_branch_for_pictures_is_reported_at_once(host: Host) -> None:
    host.faults.append(Fault("POST", "/git/refs", 422, {"message": "Protected branch update failed"}))
    result = post(host, "github", "![a](a.png)", pictures={"a.png": PNG}, images_branch="dver-images")
    assert result.outcome is CommentOutcome.CREATED
    assert "Protected branch update failed" in str(result.picture_problem)
    assert sum(1 for _, path in host.seen if path.endswith("/git/refs")) == 1


@pytest.mark.parametrize("branch", ["", "-x", "a..b", "a b", "refs/heads/../x", "a/"])
def test_an_invalid_branch_for_pictures_is_refused(host: Host, branch: str) -> None:
    with pytest.raises(UsageError, match="invalid name of a branch"):
        post(host, "github", images_branch=branch)


# -- the pull request ------------------------------------------------------------------------------------------------


def test_github_without_an_open_pull_request_gets_no_comment(host: Host) -> None:
    result = post(host, "github", GITHUB_REF="refs/heads/main")
    assert result.outcome is CommentOutcome.NO_PULL_REQUEST
    assert host.bodies() == []


def test_a_push_finds_the_pull_request_of_its_branch(host: Host) -> None:
    head = {"ref": "topic", "sha": "a" * 40, "repo": {"full_name": PROJECT}}
    host.pulls.append({"number": 7, "head": head})
    assert post(host, "github", GITHUB_REF="refs/heads/topic").number == 7


def test_outside_of_ci_the_pull_request_must_be_named(host: Host) -> None:
    environ = {name: value for name, value in host.github().items() if name not in ("GITHUB_REF", "GITHUB_RUN_ID")}
    with pytest.raises(UsageError, match="no pull request is named"):
        publish_comment(read_job(environ), "x", {}, CommentOptions("report"), policy=QUICK)
    named = read_job(environ, number=7)
    assert publish_comment(named, "x", {}, CommentOptions("report"), policy=QUICK).outcome is CommentOutcome.CREATED


def test_an_unreachable_host_is_an_error(host: Host) -> None:
    environ = host.github(GITHUB_SERVER_URL="http://127.0.0.1:9", GITHUB_API_URL="http://127.0.0.1:9/api/v3")
    with pytest.raises(RemoteError, match="cannot reach"):
        publish_comment(read_job(environ), "x", {}, CommentOptions("report"), policy=QUICK)


def test_the_account_of_a_workflow_is_its_bot(host: Host) -> None:
    post(host, "github")
    assert host.notes[7][0].author == BOT
