"""A remote or a machine that fails: one error of three lines, its exit code, nothing half done, and a way on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from servers import FaultyS3, S3Server
from support import Run, Templates, git, make_git_repo, run_dver

_LIMITED = """
import os, resource, sys
name, value = sys.argv[1:3]
resource.setrlimit(getattr(resource, name), (int(value), int(value)))
os.execv(sys.executable, [sys.executable, "-m", "dver", *sys.argv[3:]])
"""


@pytest.fixture
def project(templates: Templates, tmp_path: Path) -> Path:
    """Data to push: small files, and some that need a pack each."""
    return templates.copy("remote_failures", tmp_path / "repo", make_project)


def make_project(git_repo: Path) -> None:
    make_git_repo(git_repo)
    for number in range(20):
        file = git_repo / f"data/{number % 3}/{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(2000))
    for number in range(4):
        (git_repo / f"data/large{number}").write_bytes(os.urandom(10_000_000))
    run_dver("init", cwd=git_repo)
    run_dver("add", "data", cwd=git_repo)


def add_remote(run: Run, project: Path, server: FaultyS3 | S3Server, url: str) -> dict[str, str]:
    run("remote", "add", "-d", "origin", url, cwd=project)
    run("remote", "set", "origin", "endpoint_url", server.endpoint_url, cwd=project)
    return S3Server(server.endpoint_url).credentials()


def limited(name: str, value: int, *args: str, cwd: Path, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and messages of a `dver` process with a limit of the operating system's."""
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, name, str(value), *args],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode != 70, done.stderr
    return done.returncode, done.stderr


def has_three_lines(err: str) -> bool:
    """What is wrong, why, and what mends it; a line each."""
    words = [line.split(":")[0] for line in err.splitlines() if not line.startswith("note")]
    return words[-3:] == ["error", "why", "fix"]


@pytest.mark.parametrize("fault", ["denied", "skewed", "expired", "elsewhere", "full"])
@pytest.mark.parametrize("verb", ["GET", "PUT"])
def test_a_refusal_ends_a_push_with_seven_and_nothing_listed(
    run: Run, project: Path, faulty_s3: FaultyS3, fault: str, verb: str
) -> None:
    key = add_remote(run, project, faulty_s3, "s3://bucket/faulty")
    faulty_s3.standing[verb] = fault
    err = run("push", cwd=project, env=key, rc=7).err
    assert has_three_lines(err)
    assert key["AWS_SECRET_ACCESS_KEY"] not in err
    assert not [name for name in faulty_s3.objects if name.startswith("indexes/")]


def test_what_was_uploaded_before_a_refusal_is_not_uploaded_again(run: Run, project: Path, faulty_s3: FaultyS3) -> None:
    key = add_remote(run, project, faulty_s3, "s3://bucket/faulty")
    faulty_s3.faults += [""] * 7 + ["denied"] * 50
    run("push", "-j", "1", cwd=project, env=key, rc=7)
    sent = {name for name in faulty_s3.objects if name.startswith("packs/")}
    assert sent
    faulty_s3.faults.clear()
    faulty_s3.seen.clear()
    run("push", cwd=project, env=key)
    packs = {name for name in faulty_s3.objects if name.startswith("packs/")}
    assert sent <= packs
    assert faulty_s3.seen.count("PUT") == len(packs - sent) + 3  # and index, listing and entry


def test_a_wrong_key_and_a_missing_bucket_end_with_seven(run: Run, project: Path, s3_server: S3Server) -> None:
    key = add_remote(run, project, s3_server, f"s3://{s3_server.bucket}/failing")
    wrong = {**key, "AWS_SECRET_ACCESS_KEY": "verywrong"}
    for verb in ("push", "pull", "fetch"):
        (project / "data/large0").touch()
        err = run(verb, cwd=project, env=wrong, rc=None).err
        assert "verywrong" not in err
    assert "secret access key is wrong" in run("push", cwd=project, env=wrong, rc=7).err
    run("remote", "set", "origin", "url", "s3://nosuchbucket/x", cwd=project)
    err = run("push", cwd=project, env=key, rc=7).err
    assert "no bucket" in err
    assert has_three_lines(err)


@pytest.mark.parametrize("kilobytes", [100, 8000])
def test_a_disk_that_takes_no_more_ends_a_push_and_leaves_nothing(
    run: Run, project: Path, tmp_path: Path, kilobytes: int
) -> None:
    run("remote", "add", "-d", "origin", tmp_path / "remote", cwd=project)
    rc, err = limited("RLIMIT_FSIZE", kilobytes * 1024, "push", cwd=project)
    assert rc in (7, 8)
    assert has_three_lines(err)
    assert not list((tmp_path / "remote").rglob("*.idx"))
    assert not [path for path in tmp_path.rglob(".dver-*-*") if path.is_file()]
    run("push", cwd=project)
    run("check", "available", "--remote", cwd=project)


def test_a_disk_that_takes_no_more_ends_a_pull_which_continues_later(run: Run, project: Path, tmp_path: Path) -> None:
    run("remote", "add", "-d", "origin", tmp_path / "remote", cwd=project)
    run("push", cwd=project)
    git("commit", "-qam", "Data", cwd=project)
    git("clone", "-q", project, tmp_path / "clone", cwd=tmp_path)
    rc, err = limited("RLIMIT_FSIZE", 8000 * 1024, "pull", cwd=tmp_path / "clone")
    assert rc == 8
    assert has_three_lines(err)
    run("pull", cwd=tmp_path / "clone")
    assert run("status", "--exit-code", cwd=tmp_path / "clone").rc == 0
    assert (tmp_path / "clone/data/large3").read_bytes() == (project / "data/large3").read_bytes()


@pytest.mark.parametrize("files", [10, 12, 14, 16, 20])
def test_too_few_open_files_end_a_push_with_eight(run: Run, project: Path, tmp_path: Path, files: int) -> None:
    run("remote", "add", "-d", "origin", tmp_path / "remote", cwd=project)
    rc, err = limited("RLIMIT_NOFILE", files, "push", cwd=project)
    assert rc in (0, 8)
    assert rc == 0 or (has_three_lines(err) and "ulimit -n" in err)
    run("push", cwd=project)
    run("check", "available", "--remote", cwd=project)


@pytest.mark.parametrize("files", [10, 14, 18, 22])
def test_too_few_open_files_are_not_blamed_on_a_server(
    run: Run, project: Path, s3_server: S3Server, files: int
) -> None:
    key = add_remote(run, project, s3_server, f"s3://{s3_server.bucket}/files{files}")
    rc, err = limited("RLIMIT_NOFILE", files, "push", cwd=project, env=key)
    assert rc in (0, 8), err
    assert rc == 0 or (has_three_lines(err) and "ulimit -n" in err)
    run("push", cwd=project, env=key)
