"""Well-kept linters accept the workflows of all kinds of projects."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dver.ci.workflows.files import WorkflowHost, WorkflowSettings, workflow_files
from dver.ci.workflows.monitor_commands import MonitorJob
from dver.ci.workflows.remote_access import access_of
from dver.ci.workflows.requirements import requirements_of

PROGRAMS = Path(sys.executable).parent
URLS = ("s3://bucket/x", "sftp://user@host/x", "webdavs://host/x", "https://host/x", "/srv/data")
FILES = ({}, {"requirements.txt": "pandas\n", ".python-version": "3.12\n"}, {"uv.lock": ""})


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> dict[WorkflowHost, list[Path]]:
    """A directory for each kind of project, by host."""
    found: dict[WorkflowHost, list[Path]] = {host: [] for host in WorkflowHost}
    kinds = itertools.product(WorkflowHost, URLS, ("", "models/a b"), FILES)
    for number, (host, url, directory, files) in enumerate(kinds):
        settings = WorkflowSettings(
            directory=directory,
            access=access_of("origin", {"url": url}),
            requirements=requirements_of(files),
            retrain=True,
            models=((), ("churn", "team/models:fraud"))[number % 2],
            monitors=(MonitorJob("churn", ("live a/b",), ("live a/b",)), MonitorJob("fraud", ("live.csv",))),
        )
        top = tmp_path_factory.mktemp(host.value)
        write(top, workflow_files(host, settings))
        found[host].append(top)
    return found


def write(top: Path, contents: dict[str, str]) -> None:
    for path, text in contents.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)


def workflows(tops: list[Path]) -> list[Path]:
    return [path for top in tops for path in sorted(top.rglob("*.yml"))]


def lint(program: str, *args: str | Path, rc: int = 0) -> str:
    done = subprocess.run([PROGRAMS / program, *args], capture_output=True, text=True)
    assert done.returncode == rc, done.stdout + done.stderr
    return done.stdout


def actionlint(paths: list[Path], rc: int = 0) -> str:
    return lint("actionlint", "-no-color", "-shellcheck", PROGRAMS / "shellcheck", *paths, rc=rc)


def test_actionlint_and_shellcheck_accept_them(repositories: dict[WorkflowHost, list[Path]]) -> None:
    actionlint(workflows(repositories[WorkflowHost.GITHUB]))


def test_the_inputs_of_actions_exist(repositories: dict[WorkflowHost, list[Path]], tmp_path: Path) -> None:
    """actionlint knows the inputs of popular actions by their tags."""
    for number, path in enumerate(workflows(repositories[WorkflowHost.GITHUB][:1])):
        text = re.sub(r"@[0-9a-f]{40} # (v\d+)\.\d+\.\d+", r"@\1", path.read_text())
        (tmp_path / f"{number}.yml").write_text(text)
    actionlint(list(tmp_path.iterdir()))
    (tmp_path / "wrong.yml").write_text(text.replace("persist-credentials", "keep-credentials"))
    assert 'input "keep-credentials" is not defined' in actionlint([tmp_path / "wrong.yml"], rc=1)


def test_actionlint_and_shellcheck_notice_mistakes(
    repositories: dict[WorkflowHost, list[Path]], tmp_path: Path
) -> None:
    text = (repositories[WorkflowHost.GITHUB][0] / ".github/workflows/dver-retrain.yml").read_text()
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(text.replace("steps.push.outputs.pushed", "steps.pull.outputs.pushed"))
    assert '"pull" is not defined' in actionlint([wrong], rc=1)
    wrong.write_text(text.replace('"$GITHUB_OUTPUT"', "$GITHUB_OUTPUT"))
    assert "SC2086" in actionlint([wrong], rc=1)


def test_zizmor_finds_no_danger(repositories: dict[WorkflowHost, list[Path]], tmp_path: Path) -> None:
    lint("zizmor", "--offline", "--no-progress", *repositories[WorkflowHost.GITHUB])
    text = (repositories[WorkflowHost.GITHUB][0] / ".github/workflows/dver-comment.yml").read_text()
    (tmp_path / "wrong.yml").write_text(text.replace("zizmor: ignore", "ignore"))
    assert "dangerous-triggers" in lint("zizmor", "--offline", "--no-progress", tmp_path / "wrong.yml", rc=14)


def test_they_follow_the_schemas_of_the_hosts(repositories: dict[WorkflowHost, list[Path]], tmp_path: Path) -> None:
    gitlab = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    lint("check-jsonschema", *gitlab, *workflows(repositories[WorkflowHost.GITLAB]))
    lint(
        "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows(repositories[WorkflowHost.GITHUB])
    )
    (tmp_path / "wrong.yml").write_text("job:\n  script: true\n  rules: [{iff: $A}]\n")
    lint("check-jsonschema", *gitlab, tmp_path / "wrong.yml", rc=1)
