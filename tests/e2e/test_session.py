"""The whole job: version a dataset, push it, clone, pull, change it, and go back in time. Real Git, real S3 server."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from servers import S3Server
from support import Run, git, make_git_repo


def _make_data(root: Path, seed: int) -> None:
    made = random.Random(seed)
    for number in range(400):
        file = root / "data" / f"part {number // 50}" / f"sample-{number:04}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = (f"{made.random():.6f},{made.randint(0, 9)}" for _ in range(made.randint(1, 80)))
        file.write_text("x,label\n" + "\n".join(rows) + "\n")
    (root / "data" / "empty").mkdir(exist_ok=True)
    (root / "data" / "latest").symlink_to("part 7")
    (root / "models").mkdir(exist_ok=True)
    (root / "models" / "net.bin").write_bytes(made.randbytes(3_000_000))


def _change_data(root: Path) -> None:
    data = root / "data"
    for file in sorted(data.glob("part 0/*.csv"))[:10]:
        file.write_text(file.read_text() + "0.5,1\n")
    (data / "part 1" / "sample-0050.csv").unlink()
    (data / "part 2" / "sample-0100.csv").rename(data / "part 3" / "renamed.csv")
    (data / "new").mkdir()
    (data / "new" / "extra.csv").write_text("x,label\n1,2\n")
    model = root / "models" / "net.bin"
    model.write_bytes(b"tuned" + model.read_bytes()[5:])


def _assert_same(left: Path, right: Path) -> None:
    done = subprocess.run(
        ["diff", "-r", "--no-dereference", os.fspath(left), os.fspath(right)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()


def _use_s3(run: Run, repo: Path, server: S3Server, prefix: str) -> None:
    run("remote", "add", "-d", "origin", f"s3://{server.bucket}/{prefix}", cwd=repo)
    run("remote", "set", "origin", "endpoint_url", server.endpoint_url, cwd=repo)
    _give_credentials(run, repo, server)


def _give_credentials(run: Run, repo: Path, server: S3Server) -> None:
    secrets = {"access_key_id": server.access_key_id, "secret_access_key": server.secret_access_key}
    for key, value in secrets.items():
        run("remote", "set", "--local", "origin", key, value, cwd=repo)


@pytest.fixture
def project(run: Run, tmp_path: Path) -> Path:
    repo = make_git_repo(tmp_path / "project")
    _make_data(repo, seed=1)
    run("init", cwd=repo)
    run("add", "data/", "models/net.bin", cwd=repo)
    git("commit", "-qm", "Data v1", cwd=repo)
    git("tag", "v1", cwd=repo)
    return repo


def test_a_dataset_is_versioned_over_s3_and_every_version_comes_back(
    run: Run, project: Path, s3_server: S3Server, tmp_path: Path
) -> None:
    old, clone = tmp_path / "v1", tmp_path / "clone"
    shutil.copytree(project, old, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    _use_s3(run, project, s3_server, "session")
    git("commit", "-qam", "Remote", cwd=project)
    assert run("check", "available", "--remote", cwd=project, rc=1).out
    run("push", cwd=project)
    run("check", "available", "--remote", cwd=project)

    git("clone", "-q", project, clone, cwd=tmp_path)
    _give_credentials(run, clone, s3_server)
    run("pull", cwd=clone)
    _assert_same(old / "data", clone / "data")
    _assert_same(old / "models/net.bin", clone / "models/net.bin")

    _change_data(clone)
    status = run("status", "--json", cwd=clone).json
    kinds = [change["status"] for path in status["paths"] for change in path["changes"]]
    assert sorted(kinds) == sorted([*["modified"] * 11, "removed", "renamed", "added"])
    assert run("diff", "--exit-code", cwd=clone, rc=1).out
    run("add", "data/", "models/net.bin", cwd=clone)
    git("commit", "-qm", "Data v2", cwd=clone)
    git("push", "-q", "origin", "HEAD:refs/heads/v2", cwd=clone)
    run("push", cwd=clone)

    # In the clone: data alone goes back, elsewhere goes back, all of it goes back.
    run("checkout", "v1", "data/", cwd=clone)
    _assert_same(old / "data", clone / "data")
    assert git("rev-parse", "HEAD", cwd=clone) != git("rev-parse", "v1", cwd=clone)
    git("checkout", "-q", "HEAD", "--", "data.dver", cwd=clone)
    run("checkout", cwd=clone)
    shutil.copytree(clone, tmp_path / "v2", symlinks=True, ignore=shutil.ignore_patterns(".git"))
    run("checkout", "v1", "data/", "--to", tmp_path / "elsewhere", cwd=clone)
    _assert_same(old / "data", tmp_path / "elsewhere" / "data")
    git("checkout", "-q", "v1", cwd=clone)
    run("checkout", cwd=clone)
    _assert_same(old / "data", clone / "data")

    # In the first repository: the new version arrives.
    git("merge", "-q", "v2", cwd=project)
    run("pull", cwd=project)
    _assert_same(tmp_path / "v2" / "data", project / "data")
    _assert_same(tmp_path / "v2" / "models", project / "models")


def test_one_file_of_a_tracked_directory_is_pulled_alone(
    run: Run, project: Path, s3_server: S3Server, tmp_path: Path
) -> None:
    _use_s3(run, project, s3_server, "alone")
    git("commit", "-qam", "Remote", cwd=project)
    run("push", cwd=project)
    git("clone", "-q", project, tmp_path / "clone", cwd=tmp_path)
    _give_credentials(run, tmp_path / "clone", s3_server)
    wanted = "data/part 3/sample-0160.csv"
    run("pull", wanted, cwd=tmp_path / "clone")
    assert (tmp_path / "clone" / wanted).read_bytes() == (project / wanted).read_bytes()
    assert [path.name for path in (tmp_path / "clone" / "data").rglob("*.csv")] == ["sample-0160.csv"]
    assert not (tmp_path / "clone" / "models" / "net.bin").exists()


def test_of_a_long_list_ten_lines_are_shown_and_the_number_of_the_rest(run: Run, project: Path) -> None:
    names = [f"many/{number:02}.bin" for number in range(25)]
    (project / "many").mkdir()
    for name in names:
        (project / name).write_text(name)
    added = run("add", *names, cwd=project)
    assert [line.split()[1] for line in added.out.splitlines()[:-1]] == names[:10]
    assert added.out.splitlines()[-1] == "… and 15 more (-v lists them)"
    assert len(run("add", "-v", *names, cwd=project).err.splitlines()) == 25
    status = run("status", cwd=project).out.splitlines()
    assert sum("many/" in line for line in status) == 10
    assert "  … and 15 more (-v lists them)" in status
    removed = run("remove", *names, cwd=project).out.splitlines()
    assert (len(removed), removed[-1]) == (11, "… and 15 more (-v lists them)")
