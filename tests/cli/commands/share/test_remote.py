"""`dver remote` through the real command line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from servers import S3Server
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    git("commit", "-qm", "Project", cwd=git_repo)
    return git_repo


def settings(project: Path) -> dict[str, object]:
    return tomllib.loads((project / ".dver/config.toml").read_text())


def test_a_remote_is_added_listed_and_removed(run: Run, project: Path) -> None:
    run("remote", "add", "-d", "origin", "s3://bucket/prefix", cwd=project)
    run("remote", "add", "nas", "../share", cwd=project)
    assert settings(project) == {
        "remote": {"origin": {"url": "s3://bucket/prefix"}, "nas": {"url": "../share"}},
        "core": {"remote": "origin"},
    }
    assert git("status", "--short", cwd=project).split() == ["M", ".dver/config.toml"]
    assert run("remote", "list", cwd=project).out == "   nas     ../share\n*  origin  s3://bucket/prefix\n"
    assert run("remote", "default", cwd=project).out == "origin\n"
    run("remote", "remove", "origin", cwd=project)
    assert settings(project) == {"remote": {"nas": {"url": "../share"}}}
    assert [one["name"] for one in run("remote", "list", "--json", cwd=project).json] == ["nas"]


def test_the_only_remote_is_the_default_one_without_saying_so(run: Run, project: Path) -> None:
    assert run("remote", "default", cwd=project, rc=1).out == ""
    assert "the default" in run("remote", "add", "a", "/mnt/a", cwd=project).out
    assert "there is no default remote" in run("remote", "add", "b", "/mnt/b", cwd=project).err
    run("remote", "default", "b", cwd=project)
    assert run("remote", "default", cwd=project).out == "b\n"


def test_a_relative_folder_is_kept_as_typed_and_shown_where_it_is(run: Run, project: Path) -> None:
    (project / "sub").mkdir()
    result = run("remote", "add", "nas", "../share", cwd=project / "sub")
    assert str(project.parent / "share") in result.out
    assert settings(project) == {"remote": {"nas": {"url": "../share"}}}


def test_a_name_that_is_taken_is_refused(run: Run, project: Path) -> None:
    run("remote", "add", "origin", "/mnt/a", cwd=project)
    result = run("remote", "add", "origin", "/mnt/b", cwd=project, rc=4)
    assert "dver remote set origin url /mnt/b" in result.err
    run("remote", "set", "origin", "url", "/mnt/b", cwd=project)
    assert settings(project) == {"remote": {"origin": {"url": "/mnt/b"}}}


@pytest.mark.parametrize("url", ["s3:/bucket", "s3://", "s3://KEY:SECRET@bucket/x", "file://elsewhere/x", " "])
def test_a_url_that_cannot_be_used_is_refused(run: Run, project: Path, url: str) -> None:
    result = run("remote", "add", "origin", url, cwd=project, rc=3)
    assert "origin" in result.err
    assert settings(project) == {}


def test_a_bad_name_a_bad_setting_and_an_unknown_remote_are_refused(run: Run, project: Path) -> None:
    assert "invalid remote name" in run("remote", "add", "a.b", "/mnt", cwd=project, rc=2).err
    assert "no remote is called" in run("remote", "set", "nope", "url", "/mnt", cwd=project, rc=2).err
    assert "no remote is called" in run("remote", "remove", "nope", cwd=project, rc=2).err
    assert "no remote is called" in run("remote", "check", "nope", cwd=project, rc=2).err
    assert "no remote is called" in run("remote", "default", "nope", cwd=project, rc=2).err
    run("remote", "add", "origin", "/mnt", cwd=project)
    assert "did you mean" in run("remote", "set", "origin", "regin", "eu", cwd=project, rc=2).err


def test_a_secret_is_read_from_stdin_and_kept_out_of_git(run: Run, project: Path) -> None:
    run("remote", "add", "origin", "s3://bucket", cwd=project)
    run("remote", "set", "--local", "origin", "secret_access_key", "-", cwd=project, stdin=b"hush\n")
    local = project / ".git/dver/config.toml"
    assert tomllib.loads(local.read_text()) == {"remote": {"origin": {"secret_access_key": "hush"}}}
    assert local.stat().st_mode & 0o077 == 0
    run("remote", "remove", "origin", cwd=project)
    assert "hush" not in local.read_text()


def test_a_remote_of_the_users_own_file_is_not_removed_from_here(run: Run, project: Path, env: Path) -> None:
    run("config", "set", "--global", "remote.mine.url", "/mnt", cwd=project)
    assert str(env) in run("remote", "remove", "mine", cwd=project, rc=2).err


def test_remove_names_the_pointers_that_still_ask_for_the_remote(run: Run, project: Path) -> None:
    run("remote", "add", "nas", "/mnt", cwd=project)
    pointer = f"kind: blob\noid: blake3:{'0' * 64}\nremote: nas\nsize: 0\nversion: 1\n"
    (project / "data.dver").write_text(pointer)
    assert "data" in run("remote", "remove", "nas", cwd=project).err


def test_check_of_a_folder(run: Run, project: Path, tmp_path: Path) -> None:
    run("remote", "add", "origin", tmp_path / "share", cwd=project)
    found = run("remote", "check", "--json", cwd=project).json
    assert (found["name"], found["url"]) == ("origin", str(tmp_path / "share"))
    assert all(found[key] is True for key in ("writable", "deletable", "conditional_put", "ranges"))
    assert (found["indexes"], found["unfinished"], found["clock_skew"]) == (0, 0, None)
    assert found["latency"] > 0 < found["upload_rate"]
    shown = run("remote", "check", "origin", cwd=project).out
    assert [line.split("  ")[1].strip() for line in shown.splitlines()[1:]] == [
        "reachable", "readable", "writable", "deletable", "conditional writes", "ranges", "indexes",
        "unfinished uploads",
    ]  # fmt: skip
    assert list((tmp_path / "share").rglob("probe-*")) == []


def test_check_tells_of_what_killed_pushes_left_and_drops_it_if_told_to(
    run: Run, project: Path, tmp_path: Path
) -> None:
    run("remote", "add", "origin", tmp_path / "share", cwd=project)
    run("remote", "check", cwd=project)  # sweeps what is old at the first put, before it looks
    left = tmp_path / "share/.dver-tmp"
    assert run("remote", "check", "--json", cwd=project).json["unfinished"] == 0
    fresh = left / ".dver-put-1-aa"
    fresh.write_bytes(b"half")
    found = run("remote", "check", "--abort-uploads", "--json", cwd=project).json
    assert (found["unfinished"], found["abandoned"]) == (1, 0)
    assert fresh.exists()


def test_check_of_a_folder_that_is_not_mounted_exits_with_seven(run: Run, project: Path, tmp_path: Path) -> None:
    run("remote", "add", "origin", tmp_path / "unmounted/share", cwd=project)
    assert "cannot be reached" in run("remote", "check", cwd=project, rc=7).err


def test_check_says_that_a_remote_can_only_be_read(run: Run, project: Path, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (share / ".dver-tmp").write_text("in the way of every upload, for root too")
    run("remote", "add", "origin", share, cwd=project)
    assert run("remote", "check", "--json", cwd=project).json["writable"] is False
    assert "push will not" in run("remote", "check", cwd=project).out


def test_check_of_a_real_s3_server(run: Run, project: Path, s3_server: S3Server) -> None:
    run("remote", "add", "origin", f"s3://{s3_server.bucket}/check", cwd=project)
    run("remote", "set", "origin", "endpoint_url", s3_server.endpoint_url, cwd=project)
    found = run("remote", "check", "--json", cwd=project, env=s3_server.credentials()).json
    assert (found["writable"], found["conditional_put"]) == (True, False)
    wrong = {**s3_server.credentials(), "AWS_SECRET_ACCESS_KEY": "wrong"}
    run("remote", "check", cwd=project, env=wrong, rc=7)


def test_check_without_any_remote_says_how_to_add_one(run: Run, project: Path) -> None:
    assert "dver remote add -d" in run("remote", "check", cwd=project, rc=3).err


def test_a_remote_is_renamed_with_all_its_settings(run: Run, project: Path) -> None:
    run("remote", "add", "-d", "origin", "s3://bucket/prefix", cwd=project)
    run("remote", "set", "--local", "origin", "profile", "work", cwd=project)
    run("remote", "rename", "origin", "bucket", cwd=project)
    assert settings(project) == {"remote": {"bucket": {"url": "s3://bucket/prefix"}}, "core": {"remote": "bucket"}}
    assert run("config", "get", "remote.bucket.profile", cwd=project).out == "work\n"
    assert run("config", "trust", cwd=project).out == "no setting of the project waits for trust\n"
    run("remote", "add", "nas", "../share", cwd=project)
    assert "remote 'nas' already exists" in run("remote", "rename", "bucket", "nas", cwd=project, rc=4).err
    assert "no remote is called 'x'" in run("remote", "rename", "x", "y", cwd=project, rc=2).err
    assert "invalid remote name" in run("remote", "rename", "nas", "a b", cwd=project, rc=2).err


def test_data_that_names_a_renamed_remote_is_named(run: Run, project: Path) -> None:
    run("remote", "add", "nas", "../share", cwd=project)
    (project / "m.bin").write_text("model")
    run("add", "-r", "nas", "m.bin", cwd=project)
    assert "m.bin still names the remote nas" in run("remote", "rename", "nas", "disk", cwd=project).err


def test_the_file_with_the_settings_is_staged_and_named(run: Run, project: Path) -> None:
    said = "staged .dver/config.toml: `git commit` records it\n"
    assert run("remote", "add", "shared", "../shared", cwd=project).err.endswith(said)
    assert run("remote", "set", "shared", "jobs", "3", cwd=project).err.endswith(said)
    assert run("config", "set", "core.jobs", "3", cwd=project).err.endswith(said)
    assert "staged" not in run("config", "set", "--local", "core.jobs", "4", cwd=project).err
    assert run("remote", "remove", "shared", cwd=project).err.endswith(said)
