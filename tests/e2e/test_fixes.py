"""The fix of a message works in the situation in which it is given: each is typed here."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from support import Result, Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    return git_repo


def fixes(result: Result) -> list[list[str]]:
    """The commands of dver in the last fix."""
    fix = result.err.rsplit("fix: ", 1)[1].strip()
    found = re.findall(r"`dver ([^`]+)`", fix) or [fix.removeprefix("dver ")]
    return [shlex.split(one) for one in found]


def test_a_wrong_url_of_a_new_remote_is_corrected_by_adding_it(run: Run, project: Path) -> None:
    (fix,) = fixes(run("remote", "add", "y", "s3://", cwd=project, rc=3))
    assert fix == ["remote", "add", "y", "s3://BUCKET/PREFIX"]
    run(*fix, cwd=project)
    (fix,) = fixes(run("remote", "set", "y", "url", "s3://", cwd=project, rc=3))
    assert fix == ["remote", "set", "y", "url", "s3://BUCKET/PREFIX"]
    run(*fix, cwd=project)


@pytest.mark.parametrize("url", ["s4://bucket/data", "sftpp://host/data", "qqqqq://x"])
def test_an_unknown_protocol_is_refused_at_once(run: Run, project: Path, url: str) -> None:
    result = run("remote", "add", "x", url, cwd=project, rc=3)
    assert f"unknown protocol: {url.split(':')[0]}://" in result.err
    (fix,) = fixes(result)
    run(*fix, cwd=project)
    assert run("remote", "list", cwd=project).out


def test_an_endpoint_without_a_protocol_gets_one(run: Run, project: Path) -> None:
    run("remote", "add", "-d", "origin", "s3://bucket/prefix", cwd=project)
    (fix,) = fixes(run("remote", "set", "origin", "endpoint_url", "minio.example.org:9000", cwd=project, rc=3))
    assert fix == ["remote", "set", "origin", "endpoint_url", "https://minio.example.org:9000"]
    run(*fix, cwd=project)
    config = project / ".dver/config.toml"
    config.write_text(config.read_text().replace("https://", ""))
    (again,) = fixes(run("remote", "check", cwd=project, rc=3))
    assert again == fix
    run(*again, cwd=project)


def test_a_wrong_key_of_the_clone_is_corrected_where_it_is(run: Run, project: Path) -> None:
    from dver.remote.backends.s3_errors import S3Address, translate

    class RefusedError(Exception):
        def __init__(self) -> None:
            self.response = {"Error": {"Code": "InvalidAccessKeyId"}}

    own = S3Address("origin", "s3://bucket", "bucket", "Amazon S3", has_own_key=True)
    fix = translate(RefusedError(), own, "read").fix or ""
    assert "AWS_" not in fix
    assert "AWS_ACCESS_KEY_ID" in (translate(RefusedError(), S3Address("o", "s3://b", "b", "S3"), "read").fix or "")
    run("remote", "add", "-d", "origin", "s3://bucket/prefix", cwd=project)
    for command in re.findall(r"`dver ([^`]+)`", fix):
        run(*shlex.split(command), cwd=project, stdin=b"right\n")
    listed = run("config", "list", "--local", cwd=project).out
    assert listed.count("********") == 2


def test_pull_does_not_advise_pull_for_data_that_was_never_pushed(run: Run, project: Path, tmp_path: Path) -> None:
    run("remote", "add", "-d", "origin", "../remote", cwd=project)
    (project / "m.bin").write_text("model")
    run("add", "m.bin", cwd=project)
    git("add", ".", cwd=project)
    git("commit", "--quiet", "-m", "Model", cwd=project)
    git("clone", "--quiet", project, tmp_path / "clone", cwd=tmp_path)
    result = run("pull", cwd=tmp_path / "clone", rc=5)
    assert "dver pull" not in result.err
    assert "`dver push` in a clone that has them" in result.err
    run("push", cwd=project)
    run("pull", cwd=tmp_path / "clone")
    shutil.rmtree(tmp_path / "clone/.git/dver/store")
    (tmp_path / "clone/m.bin").unlink()
    assert "`dver pull` downloads it" in run("checkout", cwd=tmp_path / "clone", rc=5).err
    run("pull", cwd=tmp_path / "clone")


@pytest.mark.parametrize("verb", ["fetch", "pull"])
def test_an_empty_remote_is_not_said_to_have_lost_the_data(run: Run, project: Path, tmp_path: Path, verb: str) -> None:
    (project / "data.bin").write_text("content")
    run("add", "data.bin", cwd=project)
    run("remote", "add", "-d", "origin", "../store", cwd=project)
    git("commit", "-qm", "Data", cwd=project)
    run("push", cwd=project)
    (tmp_path / "elsewhere").mkdir()
    clone = tmp_path / "elsewhere" / "clone"
    git("clone", "-q", project, clone, cwd=tmp_path)  # where ../store is another directory, which does not exist
    failed = run(verb, cwd=clone, rc=5)
    assert "the remote is empty: its URL may be wrong, or its disk not mounted" in failed.err
    fix, push = fixes(failed)
    assert "../store" in run(*fix, cwd=clone).out
    assert push == ["push"]
    run("remote", "set", "origin", "url", project.parent / "store", cwd=clone)
    run(verb, cwd=clone)
