"""Dependencies outside of the repository: on S3, on a web server, at absolute paths, in other repositories."""

from __future__ import annotations

import json
import os
from pathlib import Path

import fsspec
import pytest
from registered_models import make_source, tag
from servers import S3Server, WebServer
from support import Run, git
from workspaces import Project, write

UP_TO_DATE = "everything is up to date\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project without data."""
    return Project.make(tmp_path / "project")


def define(project: Project, dependency: str, *, name: str = "count", out: str = "out.txt") -> None:
    """A stage that counts its runs, and depends on an address."""
    write(project.root, {"params.yaml": b"{}"})
    stage = {"cmd": f"echo ran >> runs.txt; cp runs.txt {out}", "deps": [dependency], "outs": [out]}
    write(project.root, {"dver.yaml": json.dumps({"stages": {name: stage}}).encode()})


def runs(project: Project) -> int:
    """How often the stage has run."""
    return len((project.root / "runs.txt").read_text().splitlines())


def test_an_absolute_path_is_compared_by_time_and_size(run: Run, project: Project, tmp_path: Path) -> None:
    source = tmp_path / "raw.csv"
    source.write_text("1")
    define(project, os.fspath(source))
    run("repro", cwd=project.root)
    assert UP_TO_DATE in run("repro", cwd=project.root).out
    source.write_text("2\n3")
    planned = run("repro", "--dry-run", cwd=project.root)
    assert f"changed: {source}" in planned.out
    run("repro", cwd=project.root)
    assert runs(project) == 2
    source.unlink()
    refused = run("repro", cwd=project.root, rc=10)
    assert f"missing its dependency {source}" in refused.err


def test_a_file_on_a_web_server_is_compared_by_its_headers(run: Run, project: Project, web_server: WebServer) -> None:
    source = web_server.folder / "external-dependency.csv"
    source.write_text("1")
    os.utime(source, (1_000_000_000, 1_000_000_000))
    define(project, f"{web_server.url}/{source.name}")
    run("repro", cwd=project.root)
    assert UP_TO_DATE in run("repro", cwd=project.root).out
    source.write_text("22")
    os.utime(source, (1_100_000_000, 1_100_000_000))
    run("repro", cwd=project.root)
    assert runs(project) == 2


def test_a_file_on_s3_is_compared_by_its_etag(
    run: Run, project: Project, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.credentials().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint_url)
    bucket = fsspec.filesystem(
        "s3", key=s3_server.access_key_id, secret=s3_server.secret_access_key, endpoint_url=s3_server.endpoint_url
    )
    path = f"{s3_server.bucket}/external-dependency/raw.csv"
    bucket.pipe_file(path, b"one")
    define(project, f"s3://{path}")
    run("repro", cwd=project.root)
    recorded = (project.root / "dver.lock").read_text()
    assert f'external:\n      "s3://{path}": "etag:' in recorded
    assert UP_TO_DATE in run("repro", cwd=project.root).out
    bucket.pipe_file(path, b"two")
    run("repro", cwd=project.root)
    assert runs(project) == 2


def test_data_of_another_repository_is_compared_by_content(run: Run, project: Project, tmp_path: Path) -> None:
    other = Project.make(tmp_path / "other")
    write(other.root, {"data/a.txt": b"1"})
    other.save("data")
    define(project, f"dver://{other.root}@HEAD/data")
    run("repro", cwd=project.root)
    write(other.root, {"notes.txt": b"no data"})
    other.git("add", "notes.txt")
    other.commit()
    assert UP_TO_DATE in run("repro", cwd=project.root).out
    write(other.root, {"data/a.txt": b"2"})
    other.save("data")
    run("repro", cwd=project.root)
    assert runs(project) == 2
    define(project, f"dver://{other.root}@HEAD/none")
    assert "missing its dependency" in run("repro", cwd=project.root, rc=10).err


def test_a_stage_of_the_registry_is_a_revision_of_a_dependency(run: Run, project: Project, tmp_path: Path) -> None:
    other = make_source(tmp_path / "other", tmp_path / "other-remote")
    define(project, f"dver://{other.root}@churn%23prod/models/churn/sub")
    run("repro", cwd=project.root)
    tag(other.root, "churn#prod#2", rev="churn@v2.0.0^{commit}")
    assert UP_TO_DATE in run("repro", cwd=project.root).out
    define(project, f"dver://{other.root}@churn%23prod/models/churn")
    run("repro", cwd=project.root)
    tag(other.root, "churn#prod#3", rev="churn@v1.0.0^{commit}")
    run("repro", cwd=project.root)
    assert runs(project) == 3
    define(project, f"dver://{other.root}@@churn#prod")
    fix = run("repro", cwd=project.root, rc=2).err.splitlines()[-1]
    assert fix.endswith(f"write dver://{other.root}@churn%23prod/PATH")


def test_a_path_on_a_remote_of_the_project_is_named_by_the_remote(run: Run, project: Project, tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket/raw.csv").write_text("1")
    run("remote", "add", "lake", tmp_path / "bucket", cwd=project.root)
    define(project, "remote://lake/raw.csv")
    run("repro", cwd=project.root)
    (tmp_path / "bucket/raw.csv").write_text("22")
    run("repro", cwd=project.root)
    assert runs(project) == 2


def test_status_contacts_no_address(run: Run, project: Project) -> None:
    define(project, "https://127.0.0.1:9/raw.csv")
    done = run("status", cwd=project.root)
    assert "never ran" in done.out
    assert "1 dependency outside of the repository not checked; `dver repro --dry-run` checks" in done.err
    assert run("status", "--json", cwd=project.root).json["not_checked"] == ["https://127.0.0.1:9/raw.csv"]
    assert "127.0.0.1:9" in run("repro", "--dry-run", cwd=project.root, rc=7).err


def test_a_change_while_the_command_runs_is_noticed(run: Run, project: Project, tmp_path: Path) -> None:
    source = tmp_path / "raw.csv"
    source.write_text("1")
    stage = f"{{cmd: 'echo more >> {source}; cp {source} out', deps: ['{source}'], outs: [out]}}"
    write(project.root, {"dver.yaml": f"stages:\n  a: {stage}\n".encode()})
    assert f"{source} changed while it ran" in run("repro", cwd=project.root, rc=10).err
    assert not (project.root / "dver.lock").exists()


def test_a_cached_run_is_restored_for_its_fingerprint(run: Run, project: Project, tmp_path: Path) -> None:
    source = tmp_path / "raw.csv"
    for at, text in enumerate(("1", "22")):
        source.write_text(text)
        os.utime(source, (1_000_000_000 + at, 1_000_000_000 + at))
        define(project, os.fspath(source))
        run("repro", cwd=project.root)
    source.write_text("1")
    os.utime(source, (1_000_000_000, 1_000_000_000))
    assert "restored" in run("repro", cwd=project.root).out
    assert (project.root / "out.txt").read_text() == "ran\n"
    assert runs(project) == 2


def test_commit_lineage_and_stage_list_know_them(run: Run, project: Project, tmp_path: Path) -> None:
    source = tmp_path / "raw.csv"
    source.write_text("1")
    run("stage", "add", "-n", "a", "-d", source, "-o", "out", "touch out", cwd=project.root)
    (project.root / "out").touch()
    run("commit", "-f", cwd=project.root)
    assert UP_TO_DATE in run("repro", cwd=project.root).out
    assert f"read    {source}  (outside of the repository)" in run("lineage", "out", cwd=project.root).out
    assert run("lineage", "out", "--json", cwd=project.root).json["stages"][0]["sources"][0]["origin"] == "outside"
    assert run("stage", "list", "--json", cwd=project.root).json[0]["deps"] == [os.fspath(source)]
    run("dag", cwd=project.root)
    git("add", "-A", cwd=project.root)
    git("commit", "-qm", "A", cwd=project.root)
    run("verify", "a", cwd=project.root)


def test_an_unreachable_address_fails_its_stage_and_no_other(run: Run, project: Project, tmp_path: Path) -> None:
    stages = {
        "away": {"cmd": "touch a", "deps": ["https://127.0.0.1:9/raw.csv"], "outs": ["a"]},
        "here": {"cmd": "touch b", "outs": ["b"]},
        "frozen": {"cmd": "touch c", "deps": ["https://127.0.0.1:9/raw.csv"], "outs": ["c"], "frozen": True},
    }
    write(project.root, {"dver.yaml": json.dumps({"stages": stages}).encode()})
    failed = run("repro", "-k", cwd=project.root, rc=None)
    assert failed.rc != 0
    assert "127.0.0.1:9" in failed.err
    assert (project.root / "b").exists()


def test_an_absolute_path_in_the_repository_is_refused_with_the_relative_one(run: Run, project: Project) -> None:
    define(project, os.fspath(project.root / "raw.csv"))
    refused = run("repro", cwd=project.root, rc=9)
    assert f"'{project.root}/raw.csv' is a file of the repository" in refused.err
    assert "fix: write 'raw.csv'" in refused.err


@pytest.mark.parametrize("out", ["s3://bucket/out", "/tmp/out"])
def test_outputs_outside_are_refused_with_the_reason(run: Run, project: Project, out: str) -> None:
    write(project.root, {"dver.yaml": f"stages:\n  a: {{cmd: touch out, outs: ['{out}']}}\n".encode()})
    refused = run("repro", cwd=project.root, rc=9)
    assert "only `deps` can be outside of the project" in refused.err
