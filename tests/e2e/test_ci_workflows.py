"""Every command of the workflows runs for real: in shallow clones, with the permissions of its job, without a store."""

from __future__ import annotations

import json
import shutil
import uuid

import pytest
from citeam import PUSH_TOKEN, TRAIN, Team
from hostserver import GITHUB_TOKEN
from servers import S3Server
from support import git, run_dver

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def use_bucket(team: Team, server: S3Server) -> None:
    """Move the data to a bucket that needs secrets."""
    team.dver("remote", "set", "origin", "url", f"s3://{server.bucket}/{uuid.uuid4().hex}")
    team.dver("remote", "set", "origin", "endpoint_url", server.endpoint_url)
    team.dver("ci", "init", "github", "--force")
    team.git("commit", "-qam", "Use a bucket")
    team.git("push", "-q", str(team.origin), "main")


def test_a_pull_request_is_checked_and_reported(team: Team) -> None:
    head = team.change()
    team.merge()
    jobs = team.on_pull_request()
    assert [(name, job.ok) for name, job in jobs.items()] == [("check", True), ("report", True)], jobs["report"].log
    assert "complete on origin: 2 pointers" in jobs["check"].step("Check the data").output
    assert "1 stage restored" in jobs["report"].step("Run stages that are out of date").output
    report = (team.github.folder / "artifacts/dver-report/report.md").read_text()
    assert "data" in report
    assert "auc" in report
    assert "churn" in report
    assert "auc" in jobs["report"].summary
    assert team.on_report(head)["comment"].ok
    [comment] = team.host.bodies()
    assert "auc" in comment
    assert team.on_report(head)["comment"].ok
    assert len(team.host.bodies()) == 1


def test_data_that_was_not_pushed_fails_the_check(team: Team) -> None:
    team.change(push=False)
    team.merge()
    jobs = team.on_pull_request()
    assert not jobs["check"].ok
    assert "dver push" in jobs["check"].log
    assert (team.github.folder / "artifacts/dver-report/report.md").exists()
    assert not jobs["report"].ok


def test_a_stage_that_is_out_of_date_runs(team: Team) -> None:
    team.git("checkout", "-q", "-b", "topic")
    (team.root / "train.py").write_text(TRAIN.replace("/ 10", "/ 5"))
    team.git("commit", "-qam", "Measure otherwise")
    team.merge()
    jobs = team.on_pull_request()
    assert jobs["report"].ok, jobs["report"].log
    assert "1 stage run" in jobs["report"].step("Run stages that are out of date").output
    assert "0.2" in (team.github.folder / "artifacts/dver-report/report.md").read_text()


def test_a_merge_registers_changed_models_and_keeps_the_store(team: Team) -> None:
    jobs = team.on_main("dver-register")
    assert [(name, job.ok) for name, job in jobs.items()] == [("register", True), ("store", True)], jobs["register"].log
    assert team.tags() == ["churn@v0.0.1"]
    assert "github-actions[bot]" in git("cat-file", "tag", "churn@v0.0.1", cwd=team.origin)
    team.change()
    team.merge()
    team.land()
    assert team.on_main("dver-register")["register"].ok
    assert team.tags() == ["churn@v0.0.1", "churn@v0.0.2"]
    again = team.on_main("dver-register")
    assert again["register"].ok
    assert team.tags() == ["churn@v0.0.1", "churn@v0.0.2"]
    assert again["store"].step("Save the store").rc is None  # its key exists


def test_the_kept_store_saves_downloads(team: Team) -> None:
    team.on_main("dver-register")
    shutil.move(team.remote, team.remote.with_name("gone"))
    team.git("checkout", "-q", "-b", "topic")
    (team.root / "train.py").write_text(TRAIN + "\n")
    team.git("commit", "-qam", "Add a line")
    team.merge()
    team.remote.mkdir()  # an empty one
    assert team.on_pull_request()["report"].step("Run stages that are out of date").rc == 0


def test_the_schedule_retrains_and_pushes_a_branch(team: Team) -> None:
    [unchanged] = team.on_main("dver-retrain").values()
    assert unchanged.ok, unchanged.log
    assert "Nothing changed." in unchanged.log
    (team.root / "train.py").write_text(TRAIN.replace("/ 10", "/ 5"))
    team.git("commit", "-qam", "Measure otherwise")
    team.git("push", "-q", str(team.origin), "main")
    [job] = team.on_main("dver-retrain").values()
    assert job.ok, job.log
    assert "Open a pull request: " in job.summary
    assert "compare/main...dver-retrain?expand=1" in job.summary
    assert "auc" in job.summary
    team.git("fetch", "-q", str(team.origin), "dver-retrain")
    team.git("checkout", "-q", "FETCH_HEAD")
    assert team.git("log", "-1", "--format=%an %s").strip() == "github-actions[bot] Retrain"
    team.dver("check", "available", "--remote")
    team.dver("pull")
    assert json.loads((team.root / "metrics.json").read_text()) == {"auc": 0.2}


def add_retraining(team: Team, host: str) -> None:
    """Give dver.yaml a section `retrain`, and the project a new file, a version in production and new workflows."""
    with (team.root / "dver.yaml").open("a") as file:
        file.write("retrain:\n  churn: {data: {path: data, from: incoming}, promote: auc >= prod.auc - 0.5}\n")
    (team.root / "incoming").mkdir()
    (team.root / "incoming/b").write_text("b\n")
    team.dver("ci", "init", host, "--retrain", "--force")
    team.git("add", "--all")
    team.git("commit", "-qm", "Say how to retrain")
    team.dver("model", "register", "churn")
    team.dver("model", "assign", "churn", "prod")
    team.git("push", "-q", "--tags", str(team.origin), "main")


def test_a_model_with_a_rule_is_retrained_and_proposed(team: Team) -> None:
    add_retraining(team, "github")
    [job] = team.on_main("dver-retrain").values()
    assert job.ok, job.log
    [opened] = team.host.pulls
    assert opened["head"]["ref"] == "retrain/churn-v0.0.2"
    assert "The rule promotes it." in opened["body"]
    assert "churn@v0.0.2" in team.tags()
    team.git("fetch", "-q", str(team.origin), "retrain/churn-v0.0.2")
    team.git("checkout", "-q", "FETCH_HEAD")
    team.dver("check", "available", "--remote")
    team.dver("pull")
    assert (team.root / "data/b").read_text() == "b\n"


def test_jobs_without_permission_cannot_push(team: Team) -> None:
    """The checks of the tests above could fail: the server refuses the token of other jobs."""
    team.git("checkout", "-q", "--detach")
    for old, new in (
        ("dver check available --remote", "git push origin HEAD:refs/heads/evil"),
        ("pull_request:", "push:"),
    ):
        file = team.root / ".github/workflows/dver.yml"
        file.write_text(file.read_text().replace(old, new))
    assert not team.on_pull_request(only="check")["check"].ok
    assert git("branch", "--list", "evil", cwd=team.origin) == ""


def test_gitlab_checks_reports_and_comments(team: Team) -> None:
    base = team.git("rev-parse", "HEAD").strip()
    head = team.change()
    request = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    jobs = team.on_gitlab(head, {}, **request)
    assert [(name, job.ok) for name, job in jobs.items()] == [("dver:check", True), ("dver:report", True)], jobs[
        "dver:report"
    ].log
    assert "auc" in (jobs["dver:report"].workspace / "dver-report/report.md").read_text()
    assert team.host.bodies() == []
    with_token = team.host.gitlab()
    assert team.on_gitlab(head, with_token, **request)["dver:report"].ok
    assert "auc" in team.host.bodies()[0]


def test_gitlab_reports_before_it_fails(team: Team) -> None:
    base = team.git("rev-parse", "HEAD").strip()
    (team.root / "train.py").write_text("raise SystemExit(1)\n")
    team.git("commit", "-qam", "Break it")
    team.git("push", "-q", str(team.origin), "HEAD:topic")
    head = team.git("rev-parse", "HEAD").strip()
    request = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    job = team.on_gitlab(head, {}, **request)["dver:report"]
    assert not job.ok
    assert (job.workspace / "dver-report/report.md").exists()


def test_gitlab_registers_after_a_merge(team: Team) -> None:
    push = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
    sha = team.git("rev-parse", "main").strip()
    jobs = team.on_gitlab(sha, {"GITLAB_PUSH_TOKEN": PUSH_TOKEN}, **push)
    assert {name: job.ok for name, job in jobs.items()} == {
        "dver:check": True,
        "dver:register": True,
        "dver:store": True,
    }, jobs["dver:register"].log
    assert team.tags() == ["churn@v0.0.1"]
    config = (jobs["dver:register"].workspace / ".git/config").read_text()
    assert PUSH_TOKEN not in config
    without = team.on_gitlab(sha, {}, **push, CI_COMMIT_TAG="")
    assert without["dver:register"].ok  # nothing changed, so nothing is pushed


def test_gitlab_retrains_on_a_schedule(team: Team) -> None:
    (team.root / "train.py").write_text(TRAIN.replace("/ 10", "/ 5"))
    team.git("commit", "-qam", "Measure otherwise")
    team.git("push", "-q", str(team.origin), "main")
    sha = team.git("rev-parse", "main").strip()
    [job] = team.on_gitlab(sha, {"GITLAB_PUSH_TOKEN": PUSH_TOKEN}, CI_PIPELINE_SOURCE="schedule").values()
    assert job.ok, job.log
    assert git("log", "-1", "--format=%an %s", "dver-retrain", cwd=team.origin).strip() == "GitLab CI Retrain"
    assert "auc" in (job.workspace / "dver-report/report.md").read_text()


def test_gitlab_retrains_a_model_with_a_rule(team: Team) -> None:
    add_retraining(team, "gitlab")
    sha = team.git("rev-parse", "main").strip()
    one_server = {  # GitLab serves Git and its API at one address
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{team.url}/.insteadOf",
        "GIT_CONFIG_VALUE_0": f"{team.host.url}/",
    }
    host = {**team.host.gitlab(), **one_server, "GITLAB_PUSH_TOKEN": PUSH_TOKEN}
    [job] = team.on_gitlab(sha, host, CI_PIPELINE_SOURCE="schedule").values()
    assert job.ok, job.log
    assert team.host.pulls[0]["source_branch"] == "retrain/churn-v0.0.2"
    assert "churn@v0.0.2" in team.tags()


def test_secrets_reach_the_commands_that_need_them(
    team: Team, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_bucket(team, s3_server)
    with monkeypatch.context() as patch:
        for name, value in s3_server.credentials().items():
            patch.setenv(name, value)
        team.change()
    team.merge()
    without = team.on_pull_request(only="check")
    assert not without["check"].ok
    assert "no credentials" in without["check"].log
    jobs = team.on_pull_request(secrets=s3_server.credentials())
    assert [(name, job.ok) for name, job in jobs.items()] == [("check", True), ("report", True)], jobs["report"].log
    assert s3_server.secret_access_key not in jobs["report"].log
    assert team.on_pull_request(author="dependabot[bot]", only="check") == {}


def test_a_project_in_a_subdirectory_is_checked_and_reported(team: Team) -> None:
    project = team.root / "models/a b"
    project.mkdir(parents=True)
    for name in ("dver.yaml", "train.py", "requirements.txt"):
        shutil.copy(team.root / name, project)
    run_dver("init", cwd=project)
    run_dver("remote", "add", "-q", "origin", str(team.remote), cwd=project)
    for host in ("github", "gitlab"):
        run_dver("ci", "init", host, cwd=project)
    team.git("add", "-A")
    team.git("commit", "-qm", "Add a project")
    team.git("push", "-q", str(team.origin), "main")
    base = team.git("rev-parse", "HEAD").strip()
    team.git("checkout", "-qb", "topic")
    (project / "data").mkdir()
    (project / "data/a").write_text("a\n")
    for args in (("add", "data"), ("repro",), ("push",)):
        run_dver(*args, cwd=project)
    team.git("add", "-A")
    team.git("commit", "-qm", "Train the other")
    team.git("push", "-q", str(team.origin), "topic")
    head = team.git("rev-parse", "HEAD").strip()
    team.merge()
    jobs = team.on_pull_request("dver-models-a-b")
    assert [(name, job.ok) for name, job in jobs.items()] == [("check", True), ("report", True)], jobs["report"].log
    assert "auc" in (team.github.folder / "artifacts/dver-models-a-b-report/report.md").read_text()
    assert (jobs["report"].workspace / ".git/dver/store").is_dir()
    request = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    found = team.on_gitlab(head, {}, name="dver-models-a-b", **request)["dver-models-a-b:report"]
    assert found.ok, found.log
    assert "auc" in (found.workspace / "models/a b/dver-report/report.md").read_text()


def test_a_fork_gets_a_report_without_secrets(team: Team, s3_server: S3Server) -> None:
    """The remote needs secrets, which pull requests from forks do not get."""
    use_bucket(team, s3_server)
    team.git("checkout", "-q", "-b", "topic")
    (team.root / "train.py").write_text(TRAIN + "\n")
    team.git("commit", "-qam", "Add a line")
    head = team.git("rev-parse", "HEAD").strip()
    team.merge()
    jobs = team.on_pull_request(fork=True)
    assert list(jobs) == ["report"]
    assert jobs["report"].ok, jobs["report"].log
    assert jobs["report"].step("Run stages that are out of date").rc is None
    assert team.on_report(head, owner="stranger")["comment"].ok
    assert "train" in team.host.bodies()[0]
    assert GITHUB_TOKEN not in jobs["report"].log
