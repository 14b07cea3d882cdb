"""`dver ci init`."""

from __future__ import annotations

import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from githooks import put_dver_on_path
from support import Run, git

import dver
from dver.ci.workflows.remote_access import access_of

GITHUB = [f".github/workflows/{name}.yml" for name in ("dver", "dver-comment", "dver-register")]


@pytest.fixture
def project(git_repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(git_repo)
    run("init", "--no-hooks")
    run("remote", "add", "origin", "s3://bucket/data")
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Create the project", cwd=git_repo)
    return git_repo


def staged(repo: Path) -> list[str]:
    return git("diff", "--cached", "--name-only", cwd=repo).split()


def test_it_writes_and_stages_workflows_of_github(project: Path, run: Run) -> None:
    found = run("ci", "init", "github")
    assert found.out.splitlines() == [f"wrote {path}" for path in GITHUB]
    assert found.err == "add the secrets of the repository: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY\n"
    assert staged(project) == sorted(GITHUB)
    assert run("ci", "init", "github").out == "all workflows are up to date\n"
    assert run("ci", "init", "github", "--retrain").out == "wrote .github/workflows/dver-retrain.yml\n"
    assert 'branches: ["main"]' in (project / GITHUB[2]).read_text()


def test_other_content_is_replaced_with_force_only(project: Path, run: Run) -> None:
    run("ci", "init", "github")
    (project / GITHUB[0]).write_text("mine\n")
    refused = run("ci", "init", "github", "--retrain", rc=4)
    assert "error: .github/workflows/dver.yml already exists with other content" in refused.err
    assert (project / GITHUB[0]).read_text() == "mine\n"
    assert not (project / ".github/workflows/dver-retrain.yml").exists()
    fix = refused.err.split("`")[1]
    assert run(*shlex.split(fix)[1:]).out.splitlines() == [
        f"wrote {path}" for path in (GITHUB[0], ".github/workflows/dver-retrain.yml")
    ]


def test_the_file_of_gitlab_is_never_replaced(project: Path, run: Run) -> None:
    (project / ".gitlab-ci.yml").write_text("test:\n  script: make test\n")
    found = run("ci", "init", "gitlab", "--force")
    assert found.out == "wrote .gitlab/dver.yml\n"
    assert "add these lines to your .gitlab-ci.yml:\ninclude:\n  - local: .gitlab/dver.yml\n" in found.err
    assert (project / ".gitlab-ci.yml").read_text() == "test:\n  script: make test\n"
    with (project / ".gitlab-ci.yml").open("a") as file:
        file.write("include:\n  - local: .gitlab/dver.yml\n")
    assert "add these lines" not in run("ci", "init", "gitlab").err


def test_a_project_without_gitlab_file_gets_one(project: Path, run: Run) -> None:
    run("ci", "init", "gitlab")
    assert (project / ".gitlab-ci.yml").read_text() == "include:\n  - local: .gitlab/dver.yml\n"
    assert staged(project) == [".gitlab-ci.yml", ".gitlab/dver.yml"]


def test_a_subdirectory_is_a_project_of_its_own(project: Path, run: Run) -> None:
    (project / "models").mkdir()
    run("init", "--no-hooks", cwd=project / "models")
    found = run("ci", "init", "github", cwd=project / "models")
    assert "wrote ../.github/workflows/dver-models.yml" in found.out
    assert "no remote is configured, so the check fails" in found.err
    assert "working-directory: models" in (project / ".github/workflows/dver-models.yml").read_text()


def test_the_default_branch_is_that_of_the_remote(project: Path, run: Run, tmp_path: Path) -> None:
    git("branch", "-m", "trunk/x", cwd=project)
    git("clone", "-q", project, tmp_path / "clone", cwd=tmp_path)
    git("checkout", "-qb", "main", cwd=tmp_path / "clone")
    run("ci", "init", "github", cwd=tmp_path / "clone")
    assert 'branches: ["trunk/x"]' in (tmp_path / "clone" / GITHUB[2]).read_text()


def test_links_and_directories_in_the_way_are_refused(project: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (project / ".github").symlink_to(tmp_path / "outside")
    assert "'.github' is a symbolic link" in run("ci", "init", "github", "--force", rc=4).err
    assert list((tmp_path / "outside").iterdir()) == []
    (project / ".gitlab/dver.yml").mkdir(parents=True)
    assert "cannot be written" in run("ci", "init", "gitlab", rc=4).err


def test_files_that_git_ignores_are_written_but_not_staged(project: Path, run: Run) -> None:
    (project / ".gitignore").write_text(".gitlab*\n")
    assert "wrote .gitlab/dver.yml" in run("ci", "init", "gitlab").out
    assert staged(project) == []


def test_a_remote_in_a_directory_is_reported(project: Path, run: Run, tmp_path: Path) -> None:
    run("remote", "set", "origin", "url", tmp_path / "data")
    assert (
        "remote origin is a directory, which only a runner on this machine can reach" in run("ci", "init", "github").err
    )


def test_a_remote_that_jobs_do_not_have_is_reported(project: Path, run: Run) -> None:
    run("remote", "remove", "origin")
    run("config", "set", "--local", "remote.mine.url", "s3://bucket/mine")
    found = run("ci", "init", "github").err
    assert "the project does not name the remote mine, so jobs do not have it" in found
    fix = found.split("`")[1].replace("URL", "s3://bucket/mine")
    run(*shlex.split(fix)[1:])
    run("config", "unset", "--local", "remote.mine.url")
    assert "the project does not name" not in run("ci", "init", "github").err


@pytest.mark.parametrize(
    ("url", "key", "value"),
    [
        ("webdavs://host/x", "password", "hidden$(x)"),
        ("sftp://user@host/x", "key_file", "KEY\n"),
        ("gs://bucket/x", "key_file", '{"key": "x"}\n'),
    ],
)
def test_the_commands_for_a_remote_configure_a_clone(
    project: Path, run: Run, env: Path, tmp_path: Path, url: str, key: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    access = access_of("origin", {"url": url})
    for name in access.all_secrets:
        monkeypatch.setenv(name, value.rstrip("\n"))
    subprocess.run(["bash", "-ec", "\n".join(access.setup)], check=True, cwd=project)
    settings = tomllib.loads((project / ".git/dver/config.toml").read_text())["remote"]["origin"]
    if key == "key_file":
        file = Path(settings[key])
        assert (file.read_text(), file.stat().st_mode & 0o777) == (value, 0o600)
    else:
        assert settings[key] == value
    if "ssh" in str(access.extra):
        assert (env / ".ssh/known_hosts").read_text() == value


def test_python_and_json_have_the_same_result(project: Path, run: Run) -> None:
    found = run("ci", "init", "github", "--json").json
    assert (found["host"], found["written"], found["remote"]) == ("github", GITHUB, "origin")
    result = dver.Project.find().ci.init("github")
    assert result.unchanged == tuple(GITHUB)
    assert result.written == ()
