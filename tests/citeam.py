"""A project on a Git server with workflows of both hosts, as a fixture: a pytest plugin, see `tests/conftest.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cirunner import READER, WRITER, GitHubRunner, GitLabRunner, JobRun, path_of_jobs
from githooks import write_dver
from gitserver import git_server
from hostserver import PROJECT, Host, hosting
from support import git, run_dver

PUSH_TOKEN = "glpat-to-push"
PIPELINE = """\
stages:
  train:
    cmd: python train.py
    deps: [data, train.py]
    outs: [model]
    metrics:
      - metrics.json:
          cache: false
artifacts:
  churn: {path: model, type: model}
"""
TRAIN = """\
import json, pathlib
rows = sorted(path.read_text() for path in pathlib.Path("data").iterdir())
pathlib.Path("model").write_text("".join(rows))
json.dump({"auc": len(rows) / 10}, open("metrics.json", "w"))
"""


@dataclass
class Team:
    """A repository on a server, the clone of a developer, and the remote of both."""

    root: Path
    url: str
    origin: Path
    remote: Path
    host: Host
    github: GitHubRunner
    gitlab: GitLabRunner

    def dver(self, *args: str) -> str:
        return run_dver(*args, cwd=self.root).out

    def git(self, *args: str) -> str:
        return git(*args, cwd=self.root)

    def change(self, *, push: bool = True, name: str = "b") -> str:
        """Add a row on a branch, train, and push the branch. Returns the commit."""
        self.git("checkout", "-q", "-B", "topic", "main")
        (self.root / "data" / name).write_text(f"{name}\n")
        self.dver("add", "data")
        self.dver("repro")
        self.git("commit", "-qam", "Add a row")
        if push:
            self.dver("push")
        self.git("push", "-qf", str(self.origin), "topic")
        return self.git("rev-parse", "HEAD").strip()

    def merge(self) -> str:
        """Merge the branch, as the service does for a pull request. Returns the commit."""
        self.git("checkout", "-q", "--detach", "main")
        self.git("merge", "-q", "--no-ff", "-m", "Merge", "topic")
        self.git("push", "-qf", str(self.origin), "HEAD:refs/pull/7/merge")
        return self.git("rev-parse", "HEAD").strip()

    def land(self) -> str:
        """Push the merge to main."""
        self.git("checkout", "-q", "-B", "main")
        self.git("push", "-q", str(self.origin), "main")
        return self.git("rev-parse", "HEAD").strip()

    def tags(self) -> list[str]:
        return git("tag", cwd=self.origin).split()

    # -- jobs --------------------------------------------------------------------------------------------------------

    def workflow(self, name: str) -> str:
        return (self.root / f".github/workflows/{name}.yml").read_text()

    def on_pull_request(
        self,
        name: str = "dver",
        *,
        fork: bool = False,
        author: str = "ada",
        secrets: dict[str, str] | None = None,
        only: str | None = None,
    ) -> dict[str, JobRun]:
        event = {"pull_request": {"number": 7, "user": {"login": author}, "head": {"repo": {"fork": fork}}}}
        sha = self.git("rev-parse", "HEAD").strip()
        return self.github.run(
            self.workflow(name),
            event,
            sha=sha,
            ref="refs/pull/7/merge",
            secrets=secrets or {},
            host=self._host(event),
            only=only,
        )

    def on_report(self, head: str, *, owner: str = "acme") -> dict[str, JobRun]:
        event = {
            "workflow_run": {
                "id": 500,
                "event": "pull_request",
                "conclusion": "success",
                "head_sha": head,
                "head_branch": "topic",
                "head_repository": {"full_name": f"{owner}/churn", "owner": {"login": owner}},
                "pull_requests": [],
            }
        }
        pull = {
            "number": 7,
            "state": "open",
            "head": {"sha": head, "ref": "topic", "repo": {"full_name": f"{owner}/churn"}},
        }
        self.host.pulls = [pull]
        return self.github.run(
            self.workflow("dver-comment"), event, sha="0", ref="refs/heads/main", secrets={}, host=self._host(event)
        )

    def on_main(self, name: str, **secrets: str) -> dict[str, JobRun]:
        sha = git("rev-parse", "main", cwd=self.origin).strip()
        return self.github.run(
            self.workflow(name), {}, sha=sha, ref="refs/heads/main", secrets=secrets, host=self._host({})
        )

    def on_gitlab(
        self, sha: str, host: dict[str, str] | None = None, *, name: str = "dver", **variables: str
    ) -> dict[str, JobRun]:
        text = (self.root / f".gitlab/{name}.yml").read_text()
        return self.gitlab.run(text, {"CI_DEFAULT_BRANCH": "main", **variables}, sha=sha, host=host or {})

    def _host(self, event: dict[str, Any]) -> dict[str, str]:
        file = self.github.folder / "event.json"
        file.write_text(json.dumps(event))
        name = "workflow_run" if "workflow_run" in event else "pull_request" if event else "push"
        known = self.host.github(GITHUB_EVENT_PATH=str(file), GITHUB_EVENT_NAME=name)
        return {key: value for key, value in known.items() if key not in ("GITHUB_TOKEN", "GITHUB_REF")}


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    root, remote, origin = tmp_path / "developer", tmp_path / "remote", tmp_path / "server" / f"{PROJECT}.git"
    origin.mkdir(parents=True)
    git("init", "-q", "--bare", "-b", "main", cwd=origin)
    for key in ("http.receivepack", "receive.advertisePushOptions"):
        git("config", key, "true", cwd=origin)
    for folder in (remote, tmp_path / "GitHubRunner", tmp_path / "GitLabRunner"):
        folder.mkdir()
    _make_project(root, remote, origin)
    programs = write_dver(tmp_path / "bin").parent
    writers = (WRITER, f"oauth2:{PUSH_TOKEN}")
    with git_server(tmp_path / "server", password=READER, writers=writers) as server, hosting() as host:
        runners = [
            kind(tmp_path / kind.__name__, server, path_of_jobs(programs)) for kind in (GitHubRunner, GitLabRunner)
        ]
        yield Team(root, server.url, origin, remote, host, *runners)  # type: ignore[arg-type]


def _make_project(root: Path, remote: Path, origin: Path) -> None:
    root.mkdir()
    git("init", "-q", "-b", "main", cwd=root)
    for args in (("init",), ("remote", "add", "-q", "origin", str(remote))):
        run_dver(*args, cwd=root)
    (root / "data").mkdir()
    (root / "data/a").write_text("a\n")
    (root / "dver.yaml").write_text(PIPELINE)
    (root / "train.py").write_text(TRAIN)
    (root / "requirements.txt").write_text("click\n")
    run_dver("add", "data", cwd=root)
    run_dver("repro", cwd=root)
    for host in ("github", "gitlab"):
        run_dver("ci", "init", host, "--retrain", cwd=root)
    (root / ".gitignore").open("a").write("/dver-report/\n")
    git("add", "-A", cwd=root)
    git("commit", "-qm", "Train", cwd=root)
    run_dver("push", cwd=root)
    git("push", "-q", str(origin), "main", cwd=root)
