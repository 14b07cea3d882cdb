"""What the workflows of a project contain."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from dver.ci.workflows.files import WorkflowHost, WorkflowSettings, workflow_files
from dver.ci.workflows.monitor_commands import MonitorJob
from dver.ci.workflows.remote_access import RemoteAccess, access_of
from dver.ci.workflows.requirements import Requirements, requirements_of
from dver.ci.workflows.template import render
from dver.core.version import __version__

S3 = access_of("origin", {"url": "s3://bucket/x"})
PULL = "github.event.pull_request"
GUARD = f"${{{{ !{PULL}.head.repo.fork && {PULL}.user.login != 'dependabot[bot]' }}}}"


def github(access: RemoteAccess = S3, **more: object) -> dict[str, dict[str, object]]:
    """The workflows of GitHub by file name."""
    settings = WorkflowSettings(access=access, requirements=Requirements(), **more)  # type: ignore[arg-type]
    found = workflow_files(WorkflowHost.GITHUB, settings)
    return {Path(path).name: yaml.safe_load(text) for path, text in found.items()}


def test_lines_of_a_block_are_indented_as_the_line_they_replace() -> None:
    text = render("a:\n  - @block@\nb: @text@ @text@\n", {"block": ("x", "y"), "text": "t"})
    assert text == "a:\n  - x\n  - y\nb: t t\n"


def test_sections_are_left_out_where_their_condition_is_false() -> None:
    template = "%if yes\n1\n%if no\n2\n%end\n3\n%end\n4\n"
    assert render(template, {"yes": True, "no": False}) == "1\n3\n4\n"
    assert render(template, {"yes": (), "no": True}) == "4\n"


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        render("@other@\n", {})


@pytest.mark.parametrize(
    ("url", "extra", "secrets"),
    [
        ("s3://b/x", None, ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
        ("gs://b/x", "gs", ("GOOGLE_SERVICE_ACCOUNT_KEY",)),
        ("az://c/x", "azure", ("AZURE_STORAGE_CONNECTION_STRING",)),
        ("sftp://u@h/x", "ssh", ("REMOTE_SSH_KEY", "REMOTE_SSH_KNOWN_HOSTS")),
        ("webdavs://h/x", "webdav", ("REMOTE_PASSWORD",)),
        ("smb://h/x", "smb", ("REMOTE_PASSWORD",)),
        ("ftp://h/x", None, ("REMOTE_PASSWORD",)),
        ("https://h/x", None, ()),
    ],
)
def test_a_remote_needs_its_plugin_and_its_secrets(url: str, extra: str | None, secrets: tuple[str, ...]) -> None:
    access = access_of("origin", {"url": url})
    assert (access.extra, access.all_secrets, access.is_local) == (extra, secrets, False)


@pytest.mark.parametrize("url", ["s3://b/x", "gs://b/x", "az://c/x"])
def test_a_public_bucket_needs_no_secrets(url: str) -> None:
    assert access_of("origin", {"url": url, "anonymous": True}).all_secrets == ()


@pytest.mark.parametrize("url", ["/srv/data", "../data", "file:///srv/data"])
def test_a_directory_is_a_local_remote(url: str) -> None:
    assert access_of("origin", {"url": url}) == RemoteAccess(is_local=True)


def test_the_version_of_dver_is_pinned_unless_the_requirements_name_it() -> None:
    assert requirements_of({}).install_dver("gs") == f"pip install --quiet 'dver[gs]=={__version__}'"
    named = requirements_of({"requirements.txt": "pandas\ndver>=0.1\n"})
    assert named.install(None, export="") == ("pip install --quiet -r requirements.txt 'dver[plots]'",)
    other = requirements_of({"requirements.txt": "dverx\n"})
    assert other.install("s", export="") == (f"pip install --quiet -r requirements.txt 'dver[plots,s]=={__version__}'",)


def test_the_requirements_come_from_the_files_of_the_project() -> None:
    assert requirements_of({"uv.lock": "", "requirements.txt": "x"}).install(None, export="PATH") == (
        "pip install --quiet uv",
        "uv sync --quiet --frozen",
        f"uv pip install --quiet 'dver[plots]=={__version__}'",
        "PATH",
    )
    package = '[build-system]\nrequires = ["hatchling"]\n[project]\nname = "x"\ndependencies = ["dver"]\n'
    assert requirements_of({"pyproject.toml": package}).install(None, export="") == (
        "pip install --quiet -e . 'dver[plots]'",
    )
    for other in ("[tool.ruff]\n", "not toml", '[project]\nname = "x"\n'):
        assert requirements_of({"pyproject.toml": other}) == Requirements()


def test_the_version_of_python_comes_from_its_file() -> None:
    settings = WorkflowSettings(access=S3, requirements=requirements_of({".python-version": "3.13\n"}), directory="m")
    text = workflow_files(WorkflowHost.GITHUB, settings)[".github/workflows/dver-m.yml"]
    assert "python-version-file: m/.python-version" in text


def test_jobs_that_need_secrets_do_not_run_for_forks_and_dependabot() -> None:
    jobs = github()["dver.yml"]["jobs"]
    assert jobs["check"]["if"] == GUARD  # type: ignore[index]
    public = github(access_of("origin", {"url": "https://h/x"}))["dver.yml"]["jobs"]
    assert "if" not in public["check"]  # type: ignore[index]
    assert GUARD not in str(public)


def test_only_the_jobs_that_write_may_write() -> None:
    found = github(retrain=True, monitors=(MonitorJob("churn", ("live",)),))
    writing = {
        (file, name): job["permissions"]
        for file, workflow in found.items()
        for name, job in workflow["jobs"].items()  # type: ignore[attr-defined]
        if "permissions" in job
    }
    assert writing == {
        ("dver-comment.yml", "comment"): {"actions": "read", "pull-requests": "write"},
        ("dver-register.yml", "register"): {"contents": "write"},
        ("dver-retrain.yml", "retrain"): {"contents": "write"},
        ("dver-monitor.yml", "monitor"): {"contents": "write"},
    }
    tops = {file: workflow["permissions"] for file, workflow in found.items()}
    assert tops == {file: {"contents": "read"} for file in found} | {"dver-comment.yml": {}}


def test_the_workflow_with_a_token_runs_no_code_of_a_pull_request() -> None:
    text = str(github()["dver-comment.yml"])
    assert "actions/checkout" not in text
    assert "requirements" not in text
    assert "secrets." not in text


def test_a_project_in_a_subdirectory_has_workflows_of_its_own() -> None:
    found = github(directory="models/a b")
    assert sorted(found) == ["dver-models-a-b-comment.yml", "dver-models-a-b-register.yml", "dver-models-a-b.yml"]
    assert found["dver-models-a-b.yml"]["defaults"] == {"run": {"working-directory": "models/a b"}}
    assert "'path': 'models/a b/dver-report'" in str(found["dver-models-a-b.yml"])
    assert "--key dver-models-a-b" in str(found["dver-models-a-b-comment.yml"])
    event = found["dver-models-a-b-comment.yml"][True]  # YAML 1.1 reads `on` as true
    assert event["workflow_run"]["workflows"] == [found["dver-models-a-b.yml"]["name"]]  # type: ignore[index]


def test_the_templates_are_in_the_package() -> None:
    package = Path(__file__).parents[3] / "dver/ci/workflows"
    assert len([*package.rglob("*.yml")]) == 7
    listed = subprocess.run(["git", "ls-files", package], capture_output=True, text=True, check=True).stdout
    assert listed.count(".yml") == 7
