"""Runners of CI jobs: the commands run for real, in clones as the services make them. Importable from every test."""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ciexpressions import interpolate, is_true
from gitserver import GitServer
from hostserver import GITHUB_TOKEN, PROJECT

from dver.ci.workflows.actions import ACTIONS

READER = "secret-to-read"
WRITER = "x-access-token:secret-to-write"
OURS = {one.split("@")[0]: one.split(" ")[0] for one in ACTIONS.values()}


@dataclass
class StepRun:
    """A step that ran: its exit code, or None if it was skipped, and its output."""

    name: str
    rc: int | None = None
    output: str = ""


@dataclass
class JobRun:
    """A job that ran."""

    workspace: Path
    steps: list[StepRun] = field(default_factory=list)
    summary: str = ""

    @property
    def ok(self) -> bool:
        """Whether no step failed."""
        return all(not one.rc for one in self.steps)

    @property
    def log(self) -> str:
        """The output of all steps."""
        return "\n".join(f"## {one.name}: {one.rc}\n{one.output}" for one in self.steps)

    def step(self, name: str) -> StepRun:
        """The step `name`."""
        return next(one for one in self.steps if one.name == name)


@dataclass
class Runner:
    """A service with caches and artifacts, in a directory of its own."""

    folder: Path
    server: GitServer
    path: str
    """The PATH of jobs."""
    jobs: int = 0

    def workspace(self) -> Path:
        """A new directory for a job."""
        self.jobs += 1
        place = self.folder / f"job{self.jobs}" / "work"
        place.mkdir(parents=True)
        (place.parent / "home").mkdir()
        return place

    @property
    def repository(self) -> str:
        """The URL of the Git repository."""
        return f"{self.server.url}/{PROJECT}.git"

    def environment(self, workspace: Path) -> dict[str, str]:
        """What every job has: nothing of the test's own environment."""
        return {
            "PATH": self.path,
            "HOME": os.fspath(workspace.parent / "home"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "PIP_NO_INDEX": "1",  # dver and its extras are installed
            "PIP_NO_DEPS": "1",  # to look for all of them again takes seconds
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "NO_COLOR": "1",
        }

    def fetch(self, workspace: Path, url: str, config: dict[str, str], depth: int, *refspecs: str) -> None:
        """Fetch into a new clone, with settings that stay."""
        for args in (
            ["init", "-q"],
            ["remote", "add", "origin", url],
            *(["config", *one] for one in config.items()),
            ["fetch", "-q", "--no-tags", "--prune", "--no-recurse-submodules", *_depth(depth), "origin", *refspecs],
        ):
            done = subprocess.run(
                ["git", *args], cwd=workspace, env=self.environment(workspace), capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr


def _depth(depth: int) -> list[str]:
    return [f"--depth={depth}"] if depth else []


class GitHubRunner(Runner):
    """Runs workflows of GitHub Actions."""

    def run(
        self,
        text: str,
        event: dict[str, Any],
        *,
        sha: str,
        ref: str,
        secrets: dict[str, str],
        host: dict[str, str],
        only: str | None = None,
    ) -> dict[str, JobRun]:
        """Run all jobs of the workflow `text`, or `only` one. `host` are variables of the service's API."""
        workflow = yaml.safe_load(text)
        context: dict[str, Any] = {
            "github": {"event": event, "workflow": workflow["name"], "ref": ref, "sha": sha},
            "secrets": secrets,
        }
        found = {}
        for name, job in workflow["jobs"].items():
            permissions = job.get("permissions", workflow["permissions"])
            if only in (None, name) and is_true(job.get("if"), context, {"success": lambda: True}):
                found[name] = _GitHubJob(self, workflow, job, permissions, context, host).run()
        return found


class _GitHubJob:
    def __init__(
        self,
        runner: GitHubRunner,
        workflow: dict[str, Any],
        job: dict[str, Any],
        permissions: dict[str, str],
        context: dict[str, Any],
        host: dict[str, str],
    ) -> None:
        self.runner, self.workflow, self.job, self.permissions, self.host = runner, workflow, job, permissions, host
        self.done = JobRun(runner.workspace())
        self.outputs: dict[str, Any] = {}
        token = GITHUB_TOKEN if permissions.get("pull-requests") == "write" else "none"
        self.context = {**context, "steps": self.outputs}
        self.context["github"] = {**context["github"], "workspace": str(self.done.workspace), "token": token}
        self.functions = {
            "success": lambda: self.done.ok,
            "cancelled": lambda: False,
            "hashFiles": self._hash,
        }
        for name in ("output", "summary", "path", "env"):
            (self.done.workspace.parent / name).touch()

    def run(self) -> JobRun:
        for step in self.job["steps"]:
            shown = StepRun(step.get("name", step.get("uses", "")))
            if is_true(step.get("if"), self.context, self.functions):
                shown.rc, shown.output = self._use(step) if "uses" in step else self._execute(step)
            self.done.steps.append(shown)
            if "id" in step:
                self.outputs[step["id"]] = {"outputs": self._take_outputs()}
        self.done.summary = self._file("summary").read_text()
        return self.done

    def _file(self, name: str) -> Path:
        return self.done.workspace.parent / name

    def _take_outputs(self) -> dict[str, str]:
        lines = self._file("output").read_text().splitlines()
        self._file("output").write_text("")
        return dict(line.split("=", 1) for line in lines)

    def _text(self, text: object) -> str:
        return interpolate(str(text), self.context, self.functions)

    def _environment(self, *more: dict[str, Any]) -> dict[str, str]:
        workspace = self.done.workspace
        added = self._file("path").read_text().splitlines()
        environment = {
            **self.runner.environment(workspace),
            **self.host,
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_WORKFLOW": self.workflow["name"],
            "GITHUB_REF": self.context["github"]["ref"],
            "GITHUB_REF_NAME": self.context["github"]["ref"].removeprefix("refs/heads/"),
            "GITHUB_SHA": self.context["github"]["sha"],
            "GITHUB_REPOSITORY": PROJECT,
            "GITHUB_BASE_REF": "main" if self.context["github"]["ref"].startswith("refs/pull/") else "",
            "GITHUB_RUN_ID": "500",
            "GITHUB_OUTPUT": str(self._file("output")),
            "GITHUB_STEP_SUMMARY": str(self._file("summary")),
            "GITHUB_PATH": str(self._file("path")),
            "GITHUB_ENV": str(self._file("env")),
            "RUNNER_TEMP": str(workspace.parent),
            "PATH": os.pathsep.join([*reversed(added), self.runner.path]),
        }
        environment.setdefault("GITHUB_SERVER_URL", self.runner.server.url)
        for variables in (self.workflow.get("env", {}), *more):
            environment.update({name: self._text(value) for name, value in variables.items()})
        return environment

    def _execute(self, step: dict[str, Any]) -> tuple[int, str]:
        script = self._file("script.sh")
        script.write_text(self._text(step["run"]))
        default = self.workflow.get("defaults", {}).get("run", {}).get("working-directory", "")
        done = subprocess.run(
            ["bash", "-e", script],
            cwd=self.done.workspace / default,
            env=self._environment(self.job.get("env", {}), step.get("env", {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    # -- actions -----------------------------------------------------------------------------------------------------

    def _use(self, step: dict[str, Any]) -> tuple[int, str]:
        name = step["uses"].split("@")[0]
        assert step["uses"] == OURS[name]
        given = {key: self._text(value) for key, value in step.get("with", {}).items()}
        return getattr(self, "_" + name.removeprefix("actions/").replace("-", "_").replace("/", "_"))(given)

    def _checkout(self, given: dict[str, str]) -> tuple[int, str]:
        workspace, github = self.done.workspace, self.context["github"]
        login = WRITER if self.permissions.get("contents") == "write" else f"reader:{READER}"
        branch = github["ref"].removeprefix("refs/heads/")
        tracking = f"refs/remotes/{'origin/' + branch if branch != github['ref'] else github['ref'][5:]}"
        tags = ["+refs/tags/*:refs/tags/*"] if given.get("fetch-tags") == "True" else []
        depth = int(given.get("fetch-depth", 1))
        setting = f"http.{self.runner.server.url}/.extraheader"
        header = f"Authorization: Basic {base64.b64encode(login.encode()).decode()}"
        refspecs = (f"+{github['sha']}:{tracking}", *tags)
        self.runner.fetch(workspace, self.runner.repository, {setting: header}, depth, *refspecs)
        is_branch = branch != github["ref"]
        args = ["-B", branch, tracking] if is_branch else ["--detach", tracking]
        subprocess.run(["git", "checkout", "-q", "--force", *args], cwd=workspace, check=True)
        if given["persist-credentials"] != "True":
            subprocess.run(["git", "config", "--unset", setting], cwd=workspace, check=True)
        return 0, ""

    def _setup_python(self, given: dict[str, str]) -> tuple[int, str]:
        if "python-version-file" in given:
            assert (self.done.workspace / given["python-version-file"]).exists()
        return 0, ""

    def _cache_restore(self, given: dict[str, str]) -> tuple[int, str]:
        caches = self.runner.folder / "caches"
        exact = caches / given["key"]
        found = exact if exact.exists() else next(iter(sorted(caches.glob(f"{given['restore-keys']}*"))), None)
        if found is not None:
            shutil.copytree(found, self.done.workspace / given["path"], dirs_exist_ok=True)
        self._file("output").write_text(f"cache-hit={'true' if found == exact else 'false'}\n")
        return 0, f"restored {found}"

    def _cache_save(self, given: dict[str, str]) -> tuple[int, str]:
        shutil.copytree(self.done.workspace / given["path"], self.runner.folder / "caches" / given["key"])
        return 0, ""

    def _upload_artifact(self, given: dict[str, str]) -> tuple[int, str]:
        place = self.done.workspace / given["path"]
        if not place.exists():
            return 1, f"no files found: {given['path']}"
        target = self.runner.folder / "artifacts" / given["name"]
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(place, target)
        return 0, ""

    def _download_artifact(self, given: dict[str, str]) -> tuple[int, str]:
        assert self.permissions["actions"] == "read"
        assert given["run-id"] == "500"
        shutil.copytree(self.runner.folder / "artifacts" / given["name"], self.done.workspace / given["path"])
        return 0, ""

    def _hash(self, *patterns: str) -> str:
        import hashlib

        found = sorted({path for pattern in patterns for path in self.done.workspace.glob(pattern) if path.is_file()})
        return hashlib.sha256(b"".join(path.read_bytes() for path in found)).hexdigest()


class GitLabRunner(Runner):
    """Runs jobs of GitLab CI."""

    def run(self, text: str, variables: dict[str, str], *, sha: str, host: dict[str, str]) -> dict[str, JobRun]:
        """Run the jobs whose rules hold, in the order of their stages."""
        jobs = yaml.safe_load(text)
        chosen = {
            name: _extended(job, jobs)
            for name, job in jobs.items()
            if not name.startswith(".") and any(_holds(rule["if"], variables) for rule in job["rules"])
        }
        found: dict[str, JobRun] = {}
        for stage in ("test", "deploy"):
            if all(one.ok for one in found.values()):
                found |= {
                    name: self._run(job, variables, sha, host) for name, job in chosen.items() if job["stage"] == stage
                }
        return found

    def _run(self, job: dict[str, Any], variables: dict[str, str], sha: str, host: dict[str, str]) -> JobRun:
        done = JobRun(self.workspace())
        workspace = done.workspace
        depth = int(job["variables"]["GIT_DEPTH"])
        url = self.repository.replace("://", f"://reader:{READER}@")  # the token of the job
        self.fetch(workspace, url, {}, depth, f"+{sha}:refs/pipelines/1")
        subprocess.run(["git", "checkout", "-q", "--detach", "refs/pipelines/1"], cwd=workspace, check=True)
        cache = job.get("cache", {})
        kept = self.folder / "caches" / str(cache.get("key"))
        if kept.exists():
            shutil.copytree(kept, workspace, dirs_exist_ok=True)
        script = workspace.parent / "script.sh"
        script.write_text("\n".join([*_lines(job["before_script"]), *_lines(job["script"])]))
        environment = {
            **self.environment(workspace),
            "GITLAB_CI": "true",
            "CI_PROJECT_DIR": str(workspace),
            "CI_PROJECT_PATH": PROJECT,
            "CI_SERVER_URL": self.server.url,
            "CI_SERVER_HOST": "127.0.0.1",
            "CI_COMMIT_SHA": sha,
            **variables,
            **host,
        }
        for name, value in job["variables"].items():
            environment[name] = _expanded(value, environment)
        ended = subprocess.run(
            ["bash", "-eo", "pipefail", script],
            cwd=workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        done.steps.append(StepRun("script", ended.returncode, ended.stdout))
        if not ended.returncode and cache and cache.get("policy") != "pull":
            for path in cache["paths"]:
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(workspace / path, kept / path)
        return done


def _extended(job: dict[str, Any], jobs: dict[str, Any]) -> dict[str, Any]:
    """The job with what it extends. Mappings are merged, lists replaced."""
    whole: dict[str, Any] = {}
    bases = job.get("extends", [])
    for one in (*(jobs[base] for base in ([bases] if isinstance(bases, str) else bases)), job):
        for key, value in one.items():
            whole[key] = {**whole.get(key, {}), **value} if isinstance(value, dict) else value
    return whole


def _lines(script: list[Any]) -> list[str]:
    """The lines of a script, which may have lists in it."""
    return [line for one in script for line in (_lines(one) if isinstance(one, list) else [one])]


def _holds(rule: str, variables: dict[str, str]) -> bool:
    def value(text: str) -> str | None:
        return variables.get(text[1:]) if text.startswith("$") else text.strip('"')

    sides = [part.strip().split(" == ") for part in rule.split("&&")]
    return all(value(left) == value(right) for left, right in sides)


def _expanded(text: str, variables: dict[str, str]) -> str:
    import re

    return re.sub(r"\$(\w+)", lambda name: variables.get(name[1], ""), text)


def path_of_jobs(programs: Path) -> str:
    """The PATH of jobs: `programs`, then this environment, then the system.

    pip takes seconds to find that all is installed. It runs once for the same arguments.
    """
    pip = Path(sys.executable).parent / "pip"
    done = '"$(dirname "$0")/pip-$(printf %s "$*" | cksum | tr " " -)"'
    (programs / "pip").write_text(f'#!/bin/sh\n[ -e {done} ] || {{ {shlex.quote(str(pip))} "$@" && touch {done}; }}\n')
    (programs / "pip").chmod(0o755)
    return os.pathsep.join([str(programs), str(Path(sys.executable).parent), "/usr/bin", "/bin"])
