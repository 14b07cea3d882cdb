"""`dver report --comment` and `--summary`, as CI jobs run them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostserver import GITHUB_TOKEN, GITLAB_TOKEN, PROJECT, Fault, Host, hosting
from support import Result, Templates, run_dver
from workspaces import Project, write

import dver

STAGES = b"""\
stages:
  train:
    cmd: cp params.yaml model && sh train.sh > metrics.json
    deps: [train.sh]
    params: [lr]
    outs: [model]
    metrics:
    - metrics.json: {cache: false}
"""
SCRIPT = b"""sed -n 's/^lr: \\(.*\\)/{"acc": \\1}/p' params.yaml\n"""
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


@pytest.fixture
def host() -> Iterator[Host]:
    with hosting() as state:
        yield state


@pytest.fixture
def project(tmp_path: Path, templates: Templates) -> Project:
    """The branch `feature`, with another metric than `main`."""
    return Project(templates.copy("report-comment", tmp_path / "repo", make_project))


def make_project(root: Path) -> None:
    made = Project.make(root)
    write(made.root, {"dver.yaml": STAGES, "train.sh": SCRIPT})
    for branch, lr in (("main", b"0.5"), ("feature", b"0.75")):
        made.git("checkout", "-q", "-B", branch)
        write(made.root, {"params.yaml": b"lr: %s\n" % lr})
        run_dver("repro", cwd=root)
        made.git("add", "-A")
        made.commit(branch)


def report(*args: str, cwd: Path, env: dict[str, str], rc: int = 0) -> Result:
    result = run_dver("report", *args, cwd=cwd, env=env, rc=rc)
    for token in (GITHUB_TOKEN, GITLAB_TOKEN):
        assert token not in result.out + result.err
    return result


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_a_job_comments_and_the_next_one_updates_the_comment(project: Project, host: Host, service: str) -> None:
    env = getattr(host, service)(GITHUB_REF="refs/pull/7/head")
    first = report("--comment", cwd=project.root, env=env)
    noun = {"github": "pull request", "gitlab": "merge request"}[service]
    assert first.out.startswith(f"commented on {noun} 7 of acme/churn: {host.url}/acme/churn/")
    assert "`acc` | 0.5 | 0.75" in host.bodies()[0]
    write(project.root, {"params.yaml": b"lr: 0.9\n"})
    run_dver("repro", cwd=project.root)
    second = report("--comment", cwd=project.root, env=env)
    assert second.out.startswith("updated the comment")
    assert len(host.bodies()) == 1
    assert "`acc` | 0.5 | 0.9" in host.bodies()[0]


def test_the_result_as_json(project: Project, host: Host, tmp_path: Path) -> None:
    env = host.github(GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"))
    found = report("--comment", "--summary", "--key", "train", "--json", cwd=project.root, env=env).json
    assert found["comment"]["outcome"] == "created"
    assert found["comment"]["number"] == 7
    assert found["summary"] == str(tmp_path / "summary.md")
    assert "key=train" in host.bodies()[0]


def test_the_summary_is_written_beside_a_file(project: Project, tmp_path: Path) -> None:
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    result = report("-o", "out.md", "--summary", cwd=project.root, env=env)
    assert result.out == "added the report to the summary of this job\n"
    assert "`acc` | 0.5 | 0.75" in (tmp_path / "summary.md").read_text()
    assert "`acc` | 0.5 | 0.75" in (project.root / "out.md").read_text()


def test_a_report_of_a_fork_is_commented_by_a_trusted_workflow(project: Project, host: Host, tmp_path: Path) -> None:
    """The second job has the file alone: no repository, and the pull request comes from the event."""
    report("-o", "report/report.md", cwd=project.root, env={})
    job = tmp_path / "job"
    (project.root / "report").rename(job)
    head = {"ref": "feature", "sha": "a" * 40, "repo": {"full_name": "stranger/churn"}}
    host.pulls += [
        {"number": 6, "head": {**head, "repo": {"full_name": PROJECT}}},
        {"number": 7, "head": head},
        {"number": 8, "head": {**head, "repo": {"full_name": "stranger/other"}}},
    ]
    run = {
        "id": 77,
        "head_branch": "feature",
        "head_sha": "a" * 40,
        "head_repository": head["repo"],
        "pull_requests": [],
    }
    (tmp_path / "event.json").write_text(json.dumps({"workflow_run": run}))
    env = host.github(GITHUB_REF="refs/heads/main", GITHUB_EVENT_PATH=str(tmp_path / "event.json"))
    result = report("--comment", "--from", "report.md", cwd=job, env=env)
    assert result.out.startswith("commented on pull request 7 of acme/churn")
    assert host.bodies()[0].startswith("<!-- dver report key=report run=77 -->\n")
    host.pulls.clear()
    result = report("--comment", "--from", "report.md", cwd=job, env=env)
    assert result.out == "no comment: this branch has no open pull request in acme/churn\n"


def test_a_hostile_report_publishes_nothing_but_its_own_pictures(host: Host, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(PNG + b"secret")
    job = tmp_path / "job"
    job.mkdir()
    (job / "own.png").write_bytes(PNG)
    (job / "link.png").symlink_to(secret)
    pictures = f"![a](own.png) ![b](link.png) ![c](../secret.png) ![d]({secret})"
    (job / "report.md").write_text(f"<!-- dver report key=other run=9 -->\n/merge\n@acme/all\n{pictures}")
    report("--comment", "--from", "report.md", cwd=job, env=host.gitlab())
    assert list(host.uploads.values()) == [PNG]
    lines = host.bodies()[0].splitlines()
    assert lines[0] == "<!-- dver report key=report run=500 -->"
    assert lines[2:4] == ["\\/merge", "@\u200bacme/all"]


def test_pictures_that_github_cannot_show_are_named(host: Host, tmp_path: Path) -> None:
    (tmp_path / "own.png").write_bytes(PNG)
    (tmp_path / "report.md").write_text("![loss](own.png)")
    result = report("--comment", "--from", "report.md", cwd=tmp_path, env=host.github())
    assert result.err == "1 picture not shown in the comment: `--images-branch NAME` shows them\n"
    result = report("--comment", "--from", "report.md", "--images-branch", "pics", cwd=tmp_path, env=host.github())
    assert result.err == ""
    assert "refs/heads/pics" in host.refs


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--key", "x"], "--key needs --comment"),
        (["--pr", "1", "--summary"], "--pr needs --comment"),
        (["--images-branch", "x"], "--images-branch needs --comment"),
        (["--from", "report.md"], "--from needs --comment or --summary"),
        (["--from", "report.md", "--comment", "-o", "x.md"], "-o and --from exclude each other"),
        (["--from", "report.md", "--comment", "--against", "HEAD"], "--against and --from exclude each other"),
        (["--comment", "--html"], "comments and summaries have no HTML"),
        (["--comment", "--key", "a b"], "invalid key: 'a b'"),
        (["--comment", "--from", "missing.md"], "cannot read the report"),
        (["--comment", "--from", "."], "cannot read the report"),
        (["--summary"], "this job has no summary"),
    ],
)
def test_contradictions_are_usage_errors(host: Host, tmp_path: Path, args: list[str], message: str) -> None:
    result = report(*args, cwd=tmp_path, env=host.github(GITHUB_STEP_SUMMARY=""), rc=2)
    assert message in result.err
    assert "fix:" in result.err
    assert [path for method, path in host.seen if method == "POST" and "comments" in path] == []


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>\n", b'{"a": 1}', b"x" * (8 * 2**20 + 1)])
def test_only_markdown_is_published(host: Host, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "report.md").write_bytes(content)
    result = report("--comment", "--from", "report.md", cwd=tmp_path, env=host.github(), rc=2)
    assert "is not a report in Markdown" in result.err


def test_a_link_to_another_file_is_not_published(host: Host, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "report.md").symlink_to("secret")
    result = report("--comment", "--from", "report.md", cwd=tmp_path, env=host.github(), rc=2)
    assert "is a symbolic link" in result.err
    assert host.bodies() == []


def test_a_missing_token_is_reported_before_the_report_is_made(host: Host, tmp_path: Path) -> None:
    result = report("--comment", cwd=tmp_path, env=host.github(GITHUB_TOKEN=""), rc=2)  # no repository here
    assert "no token for comments" in result.err


def test_a_refusal_of_the_host_is_a_remote_error(host: Host, tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("report")
    host.read_only = True
    result = report("--comment", "--from", "report.md", cwd=tmp_path, env=host.github(), rc=7)
    assert "fix: add `permissions: pull-requests: write` to the job" in result.err
    found = report("--comment", "--from", "report.md", "--json", cwd=tmp_path, env=host.github(), rc=7).json
    assert "Resource not accessible" in found["error"]["why"]


def test_from_python(project: Project, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in host.github().items():
        monkeypatch.setenv(name, value)
    found = dver.Project.find(project.root)
    made = found.report()
    posted = found.comment_report(made, key="notebook")
    assert (posted.outcome, posted.number) == ("created", 7)
    assert "PostedComment(" in repr(posted)
    (project.root / "own.md").write_text("own")
    assert found.comment_report("own.md", key="notebook", pr=7).outcome == "updated"
    host.faults.append(Fault("PATCH", "/comments", 422, {"message": "no"}))
    with pytest.raises(dver.RemoteError):
        found.comment_report(made, key="notebook")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", os.fspath(project.root / "summary"))
    assert found.summarize_report(made).read_text() == found.render_report(made)
