"""`dver doctor` through the real command line."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest
from servers import S3Server
from support import Result, Run, git


@pytest.fixture
def project(run: Run, git_repo: Path, tmp_path: Path) -> Path:
    """A project in good health."""
    run("init", cwd=git_repo)
    run("remote", "add", "-d", "origin", tmp_path / "share", cwd=git_repo)
    (git_repo / "data").mkdir()
    (git_repo / "data/a").write_text("one\n")
    run("add", "data", cwd=git_repo)
    git("commit", "-qm", "v1", cwd=git_repo)
    return git_repo


def found(result: Result, level: str) -> list[str]:
    return [f"{one['topic']}: {one['text']}" for one in result.json["findings"] if one["level"] == level]


def problems(run: Run, project: Path) -> list[str]:
    return found(run("doctor", "--json", cwd=project, rc=1), "problem")


def test_a_project_in_good_health_has_no_findings(run: Run, project: Path) -> None:
    before = git("status", "--short", "--ignored", cwd=project)
    result = run("doctor", cwd=project)
    assert result.out.endswith("no problems\n")
    for word in (
        "dver 0.",
        "Python 3.",
        "s3fs",
        "git 2.",
        "hardlink",
        "symlink",
        "packs: 1",
        "can be read and written",
    ):
        assert word in result.out
    assert git("status", "--short", "--ignored", cwd=project) == before
    assert not [name for name in os.listdir(project) if name.startswith(".dver-")]


def test_outside_of_a_project_the_installation_is_still_examined(run: Run, tmp_path: Path) -> None:
    result = run("doctor", cwd=tmp_path)
    assert "git init" in result.out
    assert result.out.endswith("1 warning\n")


def test_an_unreachable_remote_is_a_problem_unless_offline(run: Run, project: Path, tmp_path: Path) -> None:
    run("remote", "add", "gone", tmp_path / "unmounted/share", cwd=project)
    assert any("unmounted" in one for one in problems(run, project))
    assert "unmounted" not in run("doctor", "--offline", cwd=project).out


def test_a_remote_that_never_answers_is_given_up(run: Run, project: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        run("remote", "add", "slow", "s3://bucket/x", cwd=project)
        run("remote", "set", "slow", "endpoint_url", f"http://127.0.0.1:{silent.getsockname()[1]}", cwd=project)
        key = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        result = run("doctor", "--timeout", "0.5", "--json", cwd=project, rc=1, env=key)
    assert [one.partition(" in ")[0] for one in found(result, "problem")] == [
        "remote: slow: no answer from s3://bucket/x"
    ]


def test_a_real_s3_server_is_asked(run: Run, project: Path, s3_server: S3Server) -> None:
    run("remote", "add", "cloud", f"s3://{s3_server.bucket}/doctor", cwd=project)
    run("remote", "set", "cloud", "endpoint_url", s3_server.endpoint_url, cwd=project)
    assert (
        "cloud: s3://bucket/doctor can be read and written"
        in run("doctor", cwd=project, env=s3_server.credentials()).out
    )


def test_no_remote_is_a_warning(run: Run, project: Path) -> None:
    run("remote", "remove", "origin", cwd=project)
    assert found(run("doctor", "--json", cwd=project), "warning") == ["remote: none is set up"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("[core\n", "not valid TOML"),
        ("[core]\njobs = 'many'\n", "cannot use 'core.jobs'"),
        ("[core]\nremote = 'nope'\n", "the default remote 'nope' is not set up"),
        ("[remote.origin]\nurl = 's3:/x'\n", "the url of the remote 'origin'"),
        ("[remote.origin]\nurl = '/x'\nsecret_access_key = 'hush'\n", "contains the secret"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_a_problem(
    run: Run, project: Path, settings: str, expected: str
) -> None:
    (project / ".dver/config.toml").write_text(settings)
    assert any(expected in one for one in problems(run, project))


def test_a_damaged_pack_is_a_problem(run: Run, project: Path) -> None:
    (pack,) = (project / ".git/dver/store/packs").glob("*.pack")
    content = pack.read_bytes()
    pack.chmod(0o644)
    pack.write_bytes(content[:-10])
    for file in (project / ".git/dver").glob("index.db*"):
        file.unlink()
    assert any("is damaged" in one for one in problems(run, project))


def test_what_a_killed_process_left_is_a_warning(run: Run, project: Path) -> None:
    left = project / ".git/dver/store/tmp/.dver-pack-1-000000000000"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    (warning,) = found(run("doctor", "--json", cwd=project), "warning")
    assert "files of killed processes" in warning


def test_pointers_that_cannot_be_read_are_problems_each_by_its_name(run: Run, project: Path) -> None:
    (project / "bad.dver").write_text("size: many\n")
    (project / "torn.dver").write_text("<<<<<<< ours\nsize: 1\n=======\nsize: 2\n>>>>>>> theirs\n")
    assert [one.split("'")[1] for one in problems(run, project)] == ["bad.dver", "torn.dver"]


def test_data_that_git_has_too_is_a_problem_and_that_it_could_take_a_warning(run: Run, project: Path) -> None:
    (project / ".gitignore").unlink()
    result = run("doctor", "--json", cwd=project)
    assert [one for one in found(result, "warning") if "git add ." in one]
    git("add", "-f", "data/a", cwd=project)
    assert any("tracked by Git and by dver: data/a" in one for one in problems(run, project))


def test_data_that_is_not_in_the_store_is_a_warning(run: Run, project: Path) -> None:
    shutil.rmtree(project / ".git/dver/store")
    (warning,) = found(run("doctor", "--json", cwd=project), "warning")
    assert "not complete in the store: data" in warning


def test_a_link_type_that_the_disks_cannot_do_is_a_warning(run: Run, project: Path) -> None:
    result = run("doctor", cwd=project)
    if "reflink" in result.out:
        run("config", "set", "cache.link", "reflink", cwd=project)
        assert run("doctor", cwd=project).out.endswith("no problems\n")
    else:
        run("config", "set", "cache.link", "reflink", cwd=project)
        assert "which these disks do not support" in run("doctor", cwd=project).out
